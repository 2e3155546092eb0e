"""An error that names a row, in data that may be a part of something longer."""

from __future__ import annotations

from gitreg.errors import Refused


class WrongRow(Refused):
    """A row that does not fit: `<before>row <row><after>`, where rows are counted from 0."""

    def __init__(self, before: str, row: int, after: str, hint: str = "") -> None:
        super().__init__(f"{before}row {row}{after}", hint)
        self.before = before
        self.row = row
        self.after = after

    def below(self, rows: int) -> WrongRow:
        """The same error for data that `rows` others stand above."""
        return WrongRow(self.before, self.row + rows, self.after, self.hint) if rows else self
