/* Chinese has no spaces, and a browser ends a line of it anywhere. Lines of a title end where a word ends. */
import { $$ } from "./shell.js";

const TITLES = ":is(h1, h2, h3, .headline, .tread b)";
const MIN_CHARS = 8; // a shorter title stands on one line
// What the browser's dictionary takes apart.
const TERMS = (
  "激活函数 损失函数 目标函数 核函数 神经网络 神经元 权重 收敛 初始化 过拟合 欠拟合 步长 阈值 学习率 正则化 归一化 标准化 梯度消失 梯度爆炸 梯度裁剪 " +
  "梯度下降 梯度流 反向传播 前向传播 反传 均方误差 平方误差 方差 偏差 协方差 交叉熵 信息熵 混淆矩阵 召回率 准确率 精确率 正确率 泛化 鲁棒性 稀疏性 死亡单元 " +
  "随机失活 注意力 自注意力 多头 卷积核 池化 步幅 感受野 特征图 残差连接 跳跃连接 批归一化 层归一化 前馈 循环网络 隐藏层 隐层 输入层 输出层 嵌入 词向量 " +
  "优化器 动量 自适应 衰减 预热 超参数 过平滑 可导 不可导 负半轴 正样本 负样本 置信度 置信区间 效应量 曲线下面积 数据增强 数据集 训练集 验证集 测试集 交叉验证 " +
  "决策树 随机森林 支持向量机 逻辑回归 线性回归 最大值 最小值 取值范围 特征值 驻点 鞍点 长短处 盘点 为何 从何而来 置零 手推 手写 光滑 生成模型 判别模型 " +
  "先验 后验 似然 变分 下界 强化学习 策略梯度 检测框 锚框 非极大值抑制 交并比 上采样 下采样 反卷积 编码器 解码器 知识蒸馏 剪枝 量化 微调 预训练 " +
  "统计量 不变性 前向 反向 次梯度 最优解 维度 傅里叶 缩放 加深 单阶段 双阶段 纹理 过大 过小 批大小 平移"
).split(" ");
const PARTICLES = /^[的了吗呢吧着们地得]/;
const LETTER = /[\p{L}\p{N}]/u;
const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter("zh", { granularity: "word" });

/* Returns where a line of the text may end besides at spaces and punctuation. */
function breaks(text) {
  const places = new Set();
  for (const { index, segment } of segmenter.segment(text)) {
    const before = text[index - 1];
    if (before && LETTER.test(before) && !/[\d\p{Script=Latin}]/u.test(before) && LETTER.test(segment) && !PARTICLES.test(segment)) places.add(index);
  }
  for (const term of TERMS) {
    for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
      for (let inside = at + 1; inside < at + term.length; inside++) places.delete(inside);
    }
  }
  return [...places];
}

function phrase(title) {
  if (title.dataset.phrased || title.textContent.length < MIN_CHARS) return;
  title.dataset.phrased = "";
  const walker = document.createTreeWalker(title, NodeFilter.SHOW_TEXT), nodes = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".katex, code")) nodes.push(walker.currentNode);
  for (const node of nodes) {
    for (const place of breaks(node.data).reverse()) node.splitText(place).before(document.createElement("wbr"));
  }
}

const phraseAll = () => { if (segmenter) $$(TITLES).filter((title) => title.matches(":lang(zh)")).forEach(phrase); };
phraseAll();
document.addEventListener("htmx:afterSettle", phraseAll);
