"""Samples and numbers that several test modules build on."""

import numpy as np

from ctnlp.features import MARKS
from ctnlp.net import Net

POLICY = "Bộ Y tế lấy ý kiến về dự thảo thông tư quy định danh mục thuốc được quỹ bảo hiểm chi trả từ năm sau"
SPORT = "Đội tuyển bóng đá nữ giành vé vào vòng chung kết sau trận thắng đậm trên sân khách tối qua"
WORDS = [f"từ{number}" for number in range(80)]


def sample(number=1, **changes):
    texts = [POLICY, SPORT, " ".join(WORDS), " ".join(reversed(WORDS))]
    return {
        "id": f"y_te-{number:04}",
        "title": "",
        "text": texts[number - 1],
        "topics": ["y_te"],
        "programme": [],
        "sentiment": "neutral",
        "kind": "lead",
        "register": "national_press",
        "source": "written for this test",
        "license": "CC BY 4.0",
        "split": "train",
    } | changes


def random_net(words, labels, *, filters=5, seed=0):
    """A small network of random numbers."""
    random = np.random.default_rng(seed)
    shapes = {
        "words": (words + 1, 4),
        "marks": (MARKS, 3),
        "parts": (2, 2),
        "kernel": (3, 9, filters),
        "bias": (filters,),
        "out": (2 * filters, labels),
        "out_bias": (labels,),
    }
    arrays = {f"net.{name}": random.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}
    return Net.of(arrays, words=words, marks=MARKS, labels=labels)
