"""Samples that several test modules build on."""

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
