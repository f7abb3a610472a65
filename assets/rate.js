/* Tabs on a phone, where voting opens after both replies were opened; keys 1 to 6 elsewhere. */
(() => {
  const narrow = matchMedia('(max-width: 799px)');
  const tabs = [...document.querySelectorAll('[role=tab]')];
  const form = document.querySelector('form.vote');
  const opened = new Set(['left']);
  let shown = 'left';
  const draw = () => {
    document.body.classList.toggle('tabbed', narrow.matches);
    for (const tab of tabs) {
      const side = tab.getAttribute('aria-controls');
      tab.setAttribute('aria-selected', String(side === shown));
      tab.tabIndex = side === shown ? 0 : -1;
      document.getElementById(side).hidden = narrow.matches && side !== shown;
    }
    if (!form) return;
    const open = !narrow.matches || opened.size === 2;
    form.querySelector('fieldset').disabled = !open;
    form.classList.toggle('waits', !open);
  };
  const show = (side) => { shown = side; opened.add(side); draw(); };
  for (const tab of tabs) {
    tab.addEventListener('click', () => show(tab.getAttribute('aria-controls')));
    tab.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
      const other = tabs[1 - tabs.indexOf(tab)];
      show(other.getAttribute('aria-controls'));
      other.focus();
    });
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea')) return;
    const button = form && form.querySelector(`button[data-key="${event.key}"]`);
    if (button && !button.closest('fieldset').disabled) button.click();
  });
  if (form) form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  });
  addEventListener('pageshow', () => { if (form) delete form.dataset.sent; });
  narrow.addEventListener('change', draw);
  draw();
})();
