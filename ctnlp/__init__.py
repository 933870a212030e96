"""ctnlp: tag Vietnamese news by policy topic and sentiment.

>>> from ctnlp import classify
>>> classify("Giá xăng tăng lần thứ ba liên tiếp").topic.name
'cong_thuong'
"""

from typing import TYPE_CHECKING

from ctnlp.classify import Classification, Classifier, Label, classify_many
from ctnlp.errors import CtnlpError

if TYPE_CHECKING:
    from ctnlp.classify import classify
else:
    # The module, which can be called: so `import ctnlp.classify as c` gives both c(text) and c.Classifier.
    from ctnlp import classify

__all__ = ["Classification", "Classifier", "CtnlpError", "Label", "__version__", "classify", "classify_many"]

__version__ = "0.1.0"
