/* Two things that only the browser can do; everything else on the page is Python's. */
(() => {
  /* On a phone the summary opens the panel over the conversation; its own button closes it. */
  const go = (open) => {
    const page = document.getElementById('page');
    if (!page) return;
    page.dataset.panel = open ? 'open' : 'shut';
    const next = page.querySelector(open ? '#back button' : '.summary button');
    if (next) next.focus();
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-panel]');
    if (button) go(button.dataset.panel === 'open');
  });
  document.addEventListener('keydown', (event) => {
    const page = document.getElementById('page');
    if (event.key === 'Escape' && page && page.dataset.panel === 'open') go(false);
  });

  /* A pause in writing feedback counts as leaving the field, so that it is saved by then. */
  const PAUSE = 700;
  const written = '#better textarea, #comment textarea, #rate-bystander input';
  const pauses = new Map();
  document.addEventListener('input', (event) => {
    const field = event.target;
    if (!field.matches(written)) return;
    clearTimeout(pauses.get(field));
    pauses.set(field, setTimeout(() => field.dispatchEvent(new Event('blur')), PAUSE));
  });
})();
