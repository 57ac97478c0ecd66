"""The topics of questions and labs: a fixed list, not a table."""

from __future__ import annotations

from dataclasses import dataclass

from apps.common.text import in_language


@dataclass(frozen=True)
class Topic:
    slug: str
    title_en: str
    title_zh: str


_ALL = (
    Topic("activation-functions", "Activation functions", "激活函数"),
    Topic("gradients-and-initialization", "Gradients and initialization", "梯度与初始化"),
    Topic("optimization", "Optimization", "优化算法"),
    Topic("normalization", "Normalization", "归一化"),
    Topic("regularization", "Regularization", "正则化"),
    Topic("convolution-and-pooling", "Convolution and pooling", "卷积与池化"),
    Topic("architectures", "Architectures", "网络结构"),
    Topic("losses", "Losses", "损失函数"),
    Topic("metrics", "Metrics", "评价指标"),
    Topic("sequence-models", "Sequence models", "序列模型"),
    Topic("detection", "Detection", "目标检测"),
    Topic("classical-ml", "Classical machine learning", "经典机器学习"),
    Topic("trees-and-ensembles", "Trees and ensembles", "树模型与集成"),
    Topic("data-and-features", "Data and features", "数据与特征"),
    Topic("training-practice", "Training practice", "训练实践"),
    Topic("algorithms-and-interview", "Algorithms and interviews", "算法与面试"),
)
# in the order of lists
TOPICS: dict[str, Topic] = {topic.slug: topic for topic in _ALL}


def topic_title(slug: str) -> str:
    """Return a topic's title in the reader's language; for an unknown slug, its words."""
    return (
        in_language(TOPICS[slug], "title")
        if slug in TOPICS
        else slug.replace("-", " ").capitalize()
    )
