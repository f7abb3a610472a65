/* Rating from the keyboard. All of it wants Alt and Shift, so nothing happens by accident. */
(() => {
  const find = (selector) => document.querySelector(selector);
  const openFeedback = () => {
    const tabs = [...document.querySelectorAll('#tabs [role="tab"]')];
    const tab = tabs.find((one) => one.textContent.trim() === 'Feedback');
    if (tab && tab.getAttribute('aria-selected') !== 'true') tab.click();
  };
  /* A tab that was closed draws its form anew; what is clicked before that is undone by it. */
  const whenShown = (act, tries = 60) => {
    if (find('#form')?.offsetParent) requestAnimationFrame(act);
    else if (tries > 0) requestAnimationFrame(() => whenShown(act, tries - 1));
  };
  const rate = (act) => {
    openFeedback();
    whenShown(act);
  };
  const press = (selector) => find(selector)?.click();
  const scale = (name) => () => rate(() => find(`#rate-${name} input`)?.focus());
  const thumb = (place) => () =>
    rate(() => document.querySelectorAll('#thumb label')[place]?.click());
  const doings = {
    KeyU: thumb(0),
    KeyD: thumb(1),
    KeyR: scale('resonation'),
    KeyE: scale('expression'),
    KeyC: scale('reception'),
    KeyB: scale('bystander'),
    KeyW: () => find('#box textarea')?.focus(),
    ArrowLeft: () => press('#turn .stepper button:first-of-type'),
    ArrowRight: () => press('#turn .stepper button:last-of-type'),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey) return;
    const doing = event.altKey && event.shiftKey ? doings[event.code] : undefined;
    if (doing) {
      event.preventDefault();
      doing();
      return;
    }
    /* A digit while one of the three scales has the focus. */
    const digit = /^(?:Digit|Numpad)([1-5])$/.exec(event.code);
    const held = document.activeElement?.closest?.('#form .scale');
    if (digit && held && !event.altKey && !event.shiftKey) {
      const label = held.querySelectorAll('label')[Number(digit[1]) - 1];
      if (label) {
        event.preventDefault();
        label.click();
        label.querySelector('input')?.focus();
      }
    }
  });
})();
