"""Tables in and out, row by row: CSV, TSV, JSON Lines and Parquet, plain or compressed (`.gz`, `.zst`).

Reading never stops at a bad row: it comes out as a `Rejected` with its line and the reason. Writing goes to a temporary
file beside the target, which takes the target's name only when everything is there. Memory holds one batch at a time.
"""

from ctnlp.records.formats import Format, Record, Rejected, format_of
from ctnlp.records.read import Table, open_table
from ctnlp.records.write import Writer, atomic_file, write_table

__all__ = [
    "Format",
    "Record",
    "Rejected",
    "Table",
    "Writer",
    "atomic_file",
    "format_of",
    "open_table",
    "write_table",
]
