"""Table 1 of a study as text to be pasted: Markdown, and LaTeX without any package."""

import re

from whyalike.render.study import StudyPage, StudyTable

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "α": r"$\alpha$",
    "–": "--",
    "…": r"\ldots{}",
}


def write_markdown(page: StudyPage) -> str:
    """Return Table 1 in Markdown, with its caption below."""
    table = page.table_1
    rule = ["---" if table.is_text(n) else "---:" for n in range(len(table.headings))]
    lines = [f"**{_markdown(page.banner)}**\n"] if page.banner else []
    lines += [_bar([_markdown(name) for name in table.headings]), _bar(rule)]
    for row in table.rows:
        cells = [_markdown(cell) for cell in row.cells]
        lines.append(
            _bar([f"**{cell}**" if cell else "" for cell in cells] if row.strong else cells)
        )
    return "\n".join([*lines, "", _markdown(table.whole_caption), ""])


def write_latex(page: StudyPage) -> str:
    """Return Table 1 as a LaTeX ``table``, with its caption."""
    table = page.table_1
    columns = "".join("l" if table.is_text(n) else "r" for n in range(len(table.headings)))
    banner = rf"\textbf{{{_latex(page.banner)}.}} " if page.banner else ""
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{banner}{_latex(table.whole_caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            " & ".join(_latex(name) for name in table.headings) + r" \\",
            r"\hline",
            *_latex_rows(table),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_rows(table: StudyTable) -> list[str]:
    rows = []
    for row in table.rows:
        cells = [_latex(cell) for cell in row.cells]
        bold = [rf"\textbf{{{cell}}}" for cell in cells] if row.strong else cells
        rows.append(" & ".join(bold) + r" \\")
    return rows


def _latex(text: str) -> str:
    line = " ".join(text.split())
    return "".join(LATEX.get(character, character) for character in line)


def _markdown(text: str) -> str:
    """Return a text on one line, its marks escaped, so that no name becomes markup or a cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _bar(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
