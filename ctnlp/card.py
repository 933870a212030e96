"""Manifest -> model card in Markdown, English then Vietnamese. Only the fixed sentences below are typed by hand."""

from collections.abc import Mapping
from typing import Any, Final

from ctnlp.manifest import Manifest
from ctnlp.taxonomy import Head

__all__ = ["render"]

_NOT: Final = (
    "It describes texts, in aggregate. It has no label for truth, loyalty or hostility, builds no profile of an author "
    "or an account, and decides nothing about anybody. A score is the model's probability, not a verdict."
)
_NOT_VI: Final = (
    "Mô hình mô tả văn bản, ở mức tổng hợp. Nó không có nhãn về đúng - sai, trung thành hay thù địch, không lập hồ sơ "
    "tác giả hay tài khoản nào và không quyết định điều gì về bất kỳ ai. Điểm số là xác suất của mô hình, không phải "
    "phán xét."
)
_LIMITS: Final = (
    "All labels, and the texts of policy_news, were made by a language model, not by people. Statutes and a news "
    "corpus of 2002 to 2007, where listed below, are unlike the news of today. Real news is not like texts written "
    "for the project: compare the figures of both, where both are given. Short texts, readers' comments, irony "
    "and matters the samples do not cover are read less well, too. Look at `needs_review`."
)
_LIMITS_VI: Final = (
    "Mọi nhãn và văn bản của policy_news do mô hình ngôn ngữ tạo, không phải con người. Văn bản luật và kho báo 2002 - "
    "2007 (nếu có trong bảng dưới) khác báo chí hôm nay. Tin thật khác văn bản viết riêng cho dự án: "
    "hãy so số liệu của cả hai, nếu có. Văn bản ngắn, bình luận, mỉa mai và những việc ngoài tập mẫu cũng được nhận "
    "diện kém hơn. Hãy để ý cột `needs_review`."
)
# The best known first: a manifest's own order is that of the alphabet once it is read back.
_ORDER: Final = (
    *("accuracy", "hit", "micro_f1", "macro_f1", "weighted_f1", "log_loss"),
    *("expected_calibration_error", "calibration_error_by_chance"),
)


def render(manifest: Manifest, head: Head) -> str:
    """The card of a version. `head` gives the labels their names."""
    return "\n".join(
        [
            *_intro(manifest, head),
            *_data(manifest),
            *_figures(manifest),
            *_labels(manifest, head),
            *_behaviour(manifest),
            "",
        ]
    )


def _intro(manifest: Manifest, head: Head) -> list[str]:
    several = "several labels or none" if manifest.kind == "multilabel" else "exactly one label"
    several_vi = "nhiều nhãn hoặc không nhãn nào" if manifest.kind == "multilabel" else "đúng một nhãn"
    columns = sum(array["shape"][0] for name, array in manifest.arrays.items() if name.startswith("idf."))
    return [
        f"# ctnlp {manifest.head} {manifest.version}",
        "",
        f"{head.en}: gives a Vietnamese news text {several}. A linear model over {columns:,} n-gram features, with "
        f"calibrated probabilities and per-label thresholds. Made {manifest.created}, seed {manifest.seed}"
        + (f", after {manifest.parent}." if manifest.parent else "."),
        "",
        "**Use** it to count what the press writes about, week by week. **Don't** use it to judge a person or an "
        f"outlet. {_NOT}",
        "",
        f"**Limits.** {_LIMITS}",
        "",
        f"*{head.vi}: gán cho tin, bài tiếng Việt {several_vi}. Dùng để tổng hợp báo chí theo tuần; không dùng để "
        f"đánh giá người hay cơ quan báo chí. {_NOT_VI}*",
        "",
        f"*Hạn chế: {_LIMITS_VI}*",
    ]


def _data(manifest: Manifest) -> list[str]:
    rows = [
        f"| {data.name} | {data.revision} | {data.rows:,} | {data.license} | `{data.sha256[:16]}` |"
        for data in manifest.training_data
    ]
    blocks = ", ".join(
        f"{block['name']} ({block['low']} to {block['high']} {block['unit']}s of {block['part']})"
        for block in manifest.blocks
    )
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items()))
    return [
        "",
        "## How it was made / Cách tạo",
        "",
        "| trained on | revision | samples | licence | SHA-256 |",
        "|---|---|---:|---|---|",
        *rows,
        "",
        f"Features: {blocks}. Text: normaliser {manifest.text_protocol.get('normaliser')}, "
        f"{manifest.text_protocol.get('segmenter')}. Libraries: {libraries}. Calibration, thresholds and abstention "
        f"were tuned on texts not trained on: {manifest.parameters.get('tuned_on', 'held-out folds')}.",
    ]


def _figures(manifest: Manifest) -> list[str]:
    lines = ["", "## How good it is / Chất lượng"]
    for name, figures in sorted(manifest.metrics.items()):
        values = figures["figures"]
        order = [*(key for key in _ORDER if key in values), *sorted(values.keys() - set(_ORDER))]
        lines += [
            "",
            f"On **{name}**, {figures['samples']:,} samples never trained on, with 95 % bootstrap intervals:",
            "",
            "| figure | value | 95 % interval |",
            "|---|---:|---|",
            *(f"| {key} | {_number(values[key])} | {_interval(values[key])} |" for key in order),
            "",
            "Coverage: share of texts kept, most confident first, and how often the best label is right among them: "
            + ", ".join(f"{share:.0%}: {hit:.1%}" for share, hit in figures["coverage"] if round(share * 100) % 10 == 0)
            + ".",
            "",
            "Calibration: mean confidence of texts grouped by it, and how often their best label is right: "
            + ", ".join(f"{confidence:.2f}: {hit:.2f}" for confidence, hit, _ in figures["reliability"])
            + ". Exact probabilities would show the calibration error by chance, too. Resampling adds chance: the "
            "interval of the error lies high, at times above its value.",
        ]
    return lines


def _labels(manifest: Manifest, head: Head) -> list[str]:
    lines = ["", "## Labels / Nhãn"]
    for name, figures in sorted(manifest.metrics.items()):
        measured: Mapping[str, Mapping[str, Any]] = {row["label"]: row for row in figures["labels"]}
        lines += [
            "",
            f"On {name}:",
            "",
            "| label | vi | en | precision | recall | F1 | 95 % interval | samples |",
            "|---|---|---|---:|---:|---:|---|---:|",
        ]
        for label in manifest.labels:
            row, definition = measured[label], head.label(label)
            cells = [label, definition.vi, definition.en, *(_number(row[key]) for key in ("precision", "recall", "f1"))]
            lines.append(f"| {' | '.join(cells)} | {_interval(row['f1'])} | {row['support']:,} |")
    return lines


def _behaviour(manifest: Manifest) -> list[str]:
    if not manifest.behaviour:
        return []
    rows = [
        f"| {name} | {count['pairs']} | {count['passed']} | {count['passed'] / count['pairs']:.0%} |"
        for name, count in sorted(manifest.behaviour.items())
    ]
    return [
        "",
        "## Behaviour / Hành vi",
        "",
        "Hand-written minimal pairs (`data/behaviour/pairs.jsonl`), passed when both texts get the expected label, or "
        "the same label where nothing should change:",
        "",
        "| capability | pairs | passed | rate |",
        "|---|---:|---:|---:|",
        *rows,
    ]


def _number(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f}"


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['low']:.3f} to {figure['high']:.3f}"
