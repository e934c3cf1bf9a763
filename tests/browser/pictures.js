// Whether every picture and drawing of the page that can be seen is there.
() => [...document.images].every(e => (e.loading === 'lazy' && !e.complete) || e.naturalWidth > 0)
  && [...document.querySelectorAll('svg use')].every(e => !e.checkVisibility() || e.getBoundingClientRect().width > 0)
