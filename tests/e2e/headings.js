/* Returns a fault for each heading that leaves a single character on its last line. Punctuation counts as none. */
() => {
  const letters = (text) => text.replace(/[\p{P}\p{Z}\s]/gu, "");
  const faults = [];
  for (const heading of document.querySelectorAll("h1, h2, .headline")) {
    if (!heading.checkVisibility() || heading.querySelector(".katex") || heading.closest(".sr")) continue;
    const lines = []; // { top, text }
    const walker = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest(".sr, [aria-hidden=true]") || node.parentElement.closest("h1, h2, .headline") !== heading) continue;
      for (let at = 0; at < node.length; at++) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const rect = range.getClientRects()[0];
        if (!rect?.width) continue;
        // letters of two lines overlap, where lines are closer than letters are high
        const line = lines.find(({ bottom, top }) => {
          const shared = Math.min(rect.bottom, bottom) - Math.max(rect.top, top);
          return shared > 0.6 * Math.min(rect.height, bottom - top);
        });
        if (line) line.text += node.data[at];
        else lines.push({ top: rect.top, bottom: rect.bottom, text: node.data[at] });
      }
    }
    const last = lines.at(-1);
    if (lines.length > 1 && letters(last.text).length <= 1) faults.push(`"${last.text}" alone on the last line of "${heading.textContent.trim()}"`);
    for (const [number, { text }] of lines.slice(1).entries()) {
      if (/^\s*[%‰×]/.test(text) && /\d\s*$/.test(lines[number].text)) faults.push(`"${lines[number].text}" is parted from "${text}"`);
    }
  }
  return faults;
}
