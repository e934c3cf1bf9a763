// What is wrong with the page as it stands, one sentence each. Contrast is proven by the tests of the theme.
() => {
  const wrong = [];
  const html = document.documentElement;
  const all = what => [...document.querySelectorAll(what)];
  const told = e => e.outerHTML.slice(0, 140);
  const text = ids => (ids || '').split(' ').map(id => document.getElementById(id)?.textContent || '').join(' ');
  const inside = e => e.querySelector('[aria-label]')?.getAttribute('aria-label') || e.querySelector('img')?.alt;
  const name = e => e.getAttribute('aria-label') || text(e.getAttribute('aria-labelledby')).trim()
    || e.textContent.trim() || inside(e);

  const width = document.scrollingElement.scrollWidth;
  if (width > innerWidth) {
    const wide = all('body *').filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1);
    wrong.push(`scrolls sideways (${width} in ${innerWidth}): ${wide.slice(0, 3).map(told)}`);
  }

  if (all('h1').length !== 1) wrong.push(`${all('h1').length} h1`);
  if (all('main').length !== 1) wrong.push('not one main');
  if (!document.title.trim()) wrong.push('no title');
  if (!/^[a-z]{2}(-[A-Z]{2})?$/.test(html.lang)) wrong.push(`lang is ${html.lang}`);
  if (!['ltr', 'rtl'].includes(html.dir)) wrong.push(`dir is ${html.dir}`);

  for (const e of all('a[href], button, summary')) if (!name(e)) wrong.push(`no name: ${told(e)}`);
  for (const e of all('input:not([type=hidden]), select, textarea'))
    if (![...e.labels].some(name) && !e.getAttribute('aria-label')) wrong.push(`no label: ${told(e)}`);
  for (const e of all('img:not([alt]), iframe:not([title])')) wrong.push(`not described: ${told(e)}`);
  for (const e of all('table')) if (!e.querySelector('th[scope]')) wrong.push(`table without scope: ${told(e)}`);

  const ids = all('[id]').map(e => e.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) wrong.push(`id twice: ${id}`);
  for (const e of all('[aria-labelledby], [aria-describedby], label[for], a[href^="#"]')) {
    const aims = [e.getAttribute('aria-labelledby'), e.getAttribute('aria-describedby'), e.htmlFor];
    if (e.localName === 'a') aims.push(e.getAttribute('href').slice(1));
    for (const id of aims.filter(Boolean).join(' ').split(' ').filter(Boolean))
      if (!ids.includes(id)) wrong.push(`points to nothing (${id}): ${told(e)}`);
  }

  // WCAG 2.2, 2.5.8: 24 px, or as much room around; links within a sentence are excepted.
  for (const e of all('a[href], button, summary, input:not([type=hidden]), select')) {
    const box = (/checkbox|radio/.test(e.type) ? e.labels[0] : e).getBoundingClientRect();
    const excepted = e.closest('.vh, .skip') || (e.localName === 'a' && e.closest('p, li, dd, td, small, summary, nav'));
    if (e.checkVisibility() && !excepted && box.width > 1 && Math.min(box.width, box.height) < 23.5)
      wrong.push(`small target ${Math.round(box.width)}x${Math.round(box.height)}: ${told(e)}`);
  }
  const marks = all('nav, aside, [role=search]').map(e => `${e.role || e.localName} ${e.getAttribute('aria-label') || ''}`);
  for (const mark of marks.filter((mark, at) => marks.indexOf(mark) !== at)) wrong.push(`landmark twice: ${mark}`);

  // WCAG 2.2, 2.4.7 and 2.4.11: what is in focus shows it, and nothing that sticks to the window's edge lies over it.
  for (const e of all('a[href], button, summary, input:not([type=hidden]), select, textarea')) {
    if (e.closest('.vh') || !e.checkVisibility()) continue;
    e.focus();
    if (document.activeElement !== e) continue;
    const box = e.getBoundingClientRect();
    const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (over && !over.contains(e) && !e.contains(over)) wrong.push(`covered when in focus: ${told(e)} by ${told(over)}`);
    const seen = [e, e.parentElement].some(part => getComputedStyle(part).outlineStyle !== 'none');
    if (e.matches(':focus-visible') && !seen) wrong.push(`focus not seen: ${told(e)}`);
  }
  document.activeElement.blur();
  scrollTo(0, 0);
  return wrong;
}
