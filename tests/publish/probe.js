// What a reader on a phone would trip over, in both themes, as a list in JSON.
(function () {
  document.head.insertAdjacentHTML("beforeend", "<style>* { transition: none !important; }</style>");
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  function behind(node) {  // the colour behind a node: translucent layers over the first solid one
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
      if (a > 0) layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((under, [r, g, b, a]) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a)), [255, 255, 255]);
  }
  function contrast(node) {
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort();
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  const own = node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
  const found = [], width = document.documentElement.scrollWidth;
  if (width > innerWidth) found.push("the page is " + width + " pixels wide in a window of " + innerWidth);
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    for (const node of document.querySelectorAll("article *, main.unitscope *")) {
      const left = "svg, pre, script, style, button, mjx-container, .off, .headerlink, details:not([open]) > :not(summary)";
      if (!node.closest(left) && node.offsetParent && own(node) && contrast(node) < 4.5) {
        found.push(theme + ": " + node.textContent.trim().slice(0, 40) + " " + contrast(node).toFixed(1));
      }
    }
  }
  return JSON.stringify(found);
})()
