/* Returns a fault for each heading that leaves a single character on its last line, where punctuation counts as none, and for each line
   of a Chinese one that begins within a word. */
() => {
  const WORDS = ("激活函数 损失函数 神经网络 神经元 权重 学习率 梯度 方差 偏差 误差 初始化 归一化 正则化 过拟合 收敛 步长 阈值 动量 函数 网络 指数 导数 恒等式 " +
    "单元 死亡 恢复 什么 为什么 如何 怎么 哪些 多少 运算 代价 单独 计时 取值 性质 曲线 结论 预测 论断 运行 实验 题目 讨论 复习 面试 今天 到期 卡片 通知 设置").split(" ");
  const inWord = (text, at) => WORDS.find((word) => {
    for (let from = text.indexOf(word); from >= 0; from = text.indexOf(word, from + 1)) if (from < at && at < from + word.length) return true;
    return false;
  });
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
    let length = lines[0]?.text.length;
    for (const [number, { text }] of lines.slice(1).entries()) {
      const word = heading.matches(":lang(zh)") && inWord(lines.map((line) => line.text).join(""), length);
      if (word) faults.push(`“${word}” is broken: "${lines[number].text}|${text}"`);
      length += text.length;
      if (/^\s*[%‰×]/.test(text) && /\d\s*$/.test(lines[number].text)) faults.push(`"${lines[number].text}" is parted from "${text}"`);
    }
  }
  return faults;
}
