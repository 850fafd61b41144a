"""What the README says is true: its Python runs as it stands, and gives what its comments promise."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_python_of_the_readme_runs_and_gives_what_its_comments_say():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    promised = []
    for line in "\n".join(blocks).splitlines():
        code, _, comment = line.partition("#")
        if comment:
            expression = code.strip()
            promised.append((str(eval(expression, names)), re.search(r'"(.*?)"', comment).group(1)))
            continue
        exec(code, names)
    assert promised == [("claude", "claude"), ("4", "4"), ("100", "100")]
