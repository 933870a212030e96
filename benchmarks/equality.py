"""Our words against those of underthesea, token for token, on whole corpora.

    python -m benchmarks.equality FILE... [--jobs 2]

FILE is any table with texts. Prints, for each file, texts, words and the texts of which a word differs, read as they
are or normalised, and exits 1 if there are any, or if there is nothing to compare.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ctnlp import corpus
from ctnlp._underthesea import known
from ctnlp.normalise import normalise
from ctnlp.segment import default_segmenter

BATCH = 500


def differing(texts: Sequence[str]) -> tuple[int, int, list[str]]:
    """Texts, words of underthesea, and the beginnings of texts that we cut otherwise, as they are or normalised."""
    from underthesea import word_tokenize

    segmenter = default_segmenter()
    words, wrong = 0, []
    as_they_are, normalised = (segmenter.words_of(texts, normalising=normalising) for normalising in (False, True))
    for text, ours, ours_normalised in zip(texts, as_they_are, normalised, strict=True):
        theirs = word_tokenize(text) if text.strip() else []
        canonical = normalise(text)
        theirs_normalised = theirs if canonical == text else word_tokenize(canonical) if canonical.strip() else []
        words += len(theirs)
        if (ours, ours_normalised) != (theirs, theirs_normalised):
            wrong.append(text[:80])
    return len(texts), words, wrong


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, some at a time."""
    ahead = iter(texts)
    while batch := list(islice(ahead, BATCH)):
        yield batch


def main() -> None:
    """Compare, print, and exit 1 if a word differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    import joblib

    if not known():
        sys.exit("the installed underthesea is not the one that the tables were made after: nothing to compare")
    failed = False
    for file in arguments.files:
        work = (joblib.delayed(differing)(batch) for batch in batches(corpus.texts_of(file)))
        results = joblib.Parallel(n_jobs=arguments.jobs)(work)
        wrong = [text for _, _, own in results for text in own]
        counts = [sum(own[place] for own in results) for place in (0, 1)]
        print(f"{file}: {counts[0]:,} texts, {counts[1]:,} words, {len(wrong)} texts differ", *wrong[:5], sep="\n  ")
        failed |= bool(wrong) or not counts[0]
    sys.exit(failed)


if __name__ == "__main__":
    main()
