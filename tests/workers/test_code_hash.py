"""The hash that names a version of a lab: what changes it, what does not, under each Python."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.code_hash import code_hash

ROOT = Path(__file__).parents[2]
LABS = sorted(toml.with_suffix(".py") for toml in (ROOT / "workers/labs").glob("*.toml"))
OLDEST = (3, 11)
# Recorded runs and the runs of every site name their lab's version by such hashes: where one of
# these changes, all labs get new versions.
GOLDEN = {
    "b5999633d806a4425694a2e389d4c42e99949638e4f3c7a2b793b0073e37c634": "",
    "61a7676a15e685de49a76ac477e96be0e42c7192214f7c9d85808d857085dc39": r"""
x = -0.0, 1e400, 2j, b'\x00', '\u00e9\U0001fae8', ..., None, True, 10**9, 1 << 70
""",
    "533c6c4a2e7835f83e4fb5f65d777aca9d8b1b454a3a48652bd2f55fa21c2be7": """
def f(a, /, b: int = 1, *c, d=(), **e) -> None:
    g = [a for a in c if (h := a)]
    return lambda i: (g, h, i, e)
""",
    "0429a768c196f14680174722fec7df9ddf04b99fd8fd5907f4b9d4f268be5d36": r"""
x = f'{a}{b!r:>{c}.2f}{{}}{d=}' 'e' rf'\d{f:%Y-%m}'
""",
    "9418903b69a8562fd02891f23075cfc582d0707544083f13e726ea5ad1c7f607": """
class A(B, c=1):
    @d
    async def e(self):
        async with f as g, h:
            yield await g
""",
    "b9cc12a4238647d252f6ac365659b95beb5844a30d64300e12a992b33b587771": """
try:
    pass
except* A as b:
    raise C from b
else:
    x: int
finally:
    del x, (y, [z])
""",
    "5878ec9ca140073a4c8642a59e2ea7749106b264130058307519fb4e29d6a3f4": """
match x:
    case {'a': [1, *_, b], **c} | A(d, e=-1.5) if f:
        pass
    case None | str():
        ...
""",
    "db31370c40bce75bb058376d1db31adf53f8888a4b50e0bac94f10caab111a69": """
def f():
    x = 0
    def g():
        nonlocal x
        global y
        x = y = 1
    return g
""",
}


def same(first: str, second: str) -> bool:
    return code_hash(first) == code_hash(second)


# ---------------------------------------------------------------- what changes nothing


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "# why\nx = 1  # what\n"),
        ('"""Doc."""\nx = 1', '"""Other."""\nx = 1'),
        ('def f():\n    """Doc."""\n    return 1', "def f():\n    return 1"),
        ('class A:\n    """Doc."""\n    x = 1', "class A:\n  x = 1"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = (1 + 2)", "x = 1 + 2"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = u'a'", "x = 'a'"),
        ("x = 1e3, 0xFF, 1_000", "x = (1000.0, 255, 1000)"),
        ("del (a, b)", "del a, b"),
        ("x = f'{a:}'", "x = f'{a}'"),
        ("x = f'a{b}' 'c'", "x = f'a{b}c'"),
        ("with (a as b, c):\n    pass", "with a as b, c: pass"),
    ],
)
def test_layout_comments_and_docstrings_change_nothing(before: str, after: str) -> None:
    assert same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(n):\n  m = n\n  return m", "def f(n):\n  k = n\n  return k"),
        ("def f():\n  x = 1\n  x += x\n  del x", "def f():\n  y = 1\n  y += y\n  del y"),
        ("def f(*a, **k): return a, k", "def f(*b, **c): return b, c"),
        ("def f(a, /): return a", "def f(b, /): return b"),
        ("x = [a for a in b if a]", "x = [c for c in b if c]"),
        ("x = {k: v for k, v in d.items()}", "x = {a: b for a, b in d.items()}"),
        ("f = lambda *a: [b for b in a]", "f = lambda *c: [d for d in c]"),
        ("class A:\n  x = [i for i in y]", "class A:\n  x = [j for j in y]"),
        (
            "def f():\n  n = 0\n  def g():\n    nonlocal n\n    n += 1",
            "def f():\n  m = 0\n  def g():\n    nonlocal m\n    m += 1",
        ),
        (
            "def f():\n  try: pass\n  except E as e: raise e from e",
            "def f():\n  try: pass\n  except E as o: raise o from o",
        ),
        (
            "def f(x):\n  match x:\n    case [a, *b] | {'k': a, **b} as c: return a, b, c",
            "def f(x):\n  match x:\n    case [d, *e] | {'k': d, **e} as g: return d, e, g",
        ),
        (
            "def f(x):\n  y = [z := a for a in x]\n  return z",
            "def f(x):\n  y = [w := b for b in x]\n  return w",
        ),
        (
            "def f(x):\n  y = 1\n  return [x for y in x if y]",
            "def f(x):\n  a = 1\n  return [x for b in x if b]",
        ),
        (
            "async def f(x):\n  async for y in x: await y",
            "async def f(x):\n  async for z in x: await z",
        ),
    ],
)
def test_a_new_name_for_what_only_a_function_knows_changes_nothing(before: str, after: str) -> None:
    assert same(before, after)


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_a_lab_without_comments_and_by_another_formatter_is_the_same_version(lab: Path) -> None:
    source = lab.read_text(encoding="utf-8")
    unparsed = ast.unparse(ast.parse(source))  # has no comments, and a layout of its own
    assert unparsed != source and same(source, unparsed)
    ruff = Path(sys.executable).with_name("ruff")
    options = ["format", "--isolated", "--line-length=60", "--config=format.quote-style='single'"]
    formatted = subprocess.run(
        [ruff, *options, "-"], input=source, capture_output=True, text=True, check=True
    ).stdout
    assert formatted != source and same(source, formatted)


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_a_lab_with_other_names_for_loops_is_the_same_version(lab: Path) -> None:
    tree = ast.parse(lab.read_text(encoding="utf-8"))
    before = ast.unparse(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.DictComp | ast.SetComp):
            _rename(node)
    after = ast.unparse(tree)
    assert after != before and same(before, after)


def _rename(comprehension: ast.AST) -> None:
    """Rename the loop variables of a comprehension, everywhere in it but in its first iterable."""
    targets = [loop.target for loop in comprehension.generators]  # type: ignore[attr-defined]
    names = {
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    }
    outside = set(map(id, ast.walk(comprehension.generators[0].iter)))  # type: ignore[attr-defined]
    for node in ast.walk(comprehension):
        if isinstance(node, ast.Name) and node.id in names and id(node) not in outside:
            node.id += "_renamed"


# ---------------------------------------------------------------- what does


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_any_number_and_any_word_that_changes_in_a_lab_is_another_version(lab: Path) -> None:
    tree = ast.parse(lab.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and ast.get_docstring(node) is not None
        and isinstance(node.body[0], ast.Expr)
    }
    hashes = [code_hash(ast.unparse(tree))]
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    constants = [node for node in constants if id(node) not in docstrings]
    for node in constants[:: max(1, len(constants) // 40)]:
        before, node.value = node.value, _changed(node.value)
        hashes.append(code_hash(ast.unparse(tree)))
        node.value = before
    assert len(hashes) > 30 and len(set(hashes)) == len(hashes)


def _changed(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return 12345
    return value + "x" if isinstance(value, str) else value * 3 + 0.125  # type: ignore[operator]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 0.1", "x = 0.10000000000000002"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("x = 'doc'", "'doc'"),
        ("f(1)\n'text'", "f(1)"),
        ("x = (1,)", "x = 1"),
        ("def f(): return", "def f(): pass"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = f'{a:g}'", "x = f'{a:f}'"),
        ("import a\nimport b", "import b\nimport a"),
        ("x = {**a, 'b': 1}", "x = {'b': 1, **a}"),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
        ("def f(a=1, b=2): pass", "def f(a=2, b=1): pass"),
    ],
)
def test_what_code_does_is_its_version(before: str, after: str) -> None:
    assert not same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "y = 1"),
        ("def f(): pass", "def g(): pass"),
        ("def f(a): return a", "def f(b): return b"),
        ("def f(*, a): return a", "def f(*, b): return b"),
        ("f = lambda a: a", "f = lambda b: b"),
        ("f(a=1)", "f(b=1)"),
        ("x.a", "x.b"),
        ("class A:\n  x = 1", "class A:\n  y = 1"),
        ("for i in x: pass", "for j in x: pass"),
        ("def f():\n  global x\n  x = 1", "def f():\n  global y\n  y = 1"),
        ("x = [y := a for a in b]", "x = [z := a for a in b]"),
        ("def f():\n  import a\n  a", "def f():\n  import b\n  b"),
        ("def f():\n  def g(): pass", "def f():\n  def h(): pass"),
        ("def f():\n  class A:\n    x = 1\n  y = A", "def f():\n  class A:\n    x = 1\n  z = A"),
        ("def f():\n  x = int\n  def g(a: x): pass", "def f():\n  y = int\n  def g(a: y): pass"),
        ("def f():\n  x = 1\n  return locals()", "def f():\n  y = 1\n  return locals()"),
        ("def f():\n  x = 1\n  return f'{x=}'", "def f():\n  y = 1\n  return f'{y=}'"),
        ("def f():\n  __x = 1", "def f():\n  __y = 1"),
        (
            "from sys import _getframe\nf = lambda *a: a",
            "from sys import _getframe\nf = lambda *b: b",
        ),
    ],
)
def test_a_name_that_may_be_looked_up_is_part_of_the_version(before: str, after: str) -> None:
    assert not same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # the same text with other variables: what a name means is compared, not where it stands
        ("def f():\n  x = 1\n  return y", "def f():\n  y = 1\n  return y"),
        ("def f():\n  x = y = 1\n  return x", "def f():\n  x = y = 1\n  return y"),
        ("def f(x):\n  y = 1\n  return lambda: y", "def f(x):\n  y = 1\n  return lambda y: y"),
        ("def f(x):\n  return [x for y in x]", "def f(x):\n  return [y for y in x]"),
        (
            "def f():\n  x = 0\n  def g():\n    x = 1\n  return x",
            "def f():\n  x = 0\n  def g():\n    nonlocal x\n    x = 1\n  return x",
        ),
        (
            "def f():\n  x = 0\n  def g():\n    x = 1\n    return lambda: x",
            "def f():\n  x = 0\n  def g():\n    global x\n    x = 1\n    return lambda: x",
        ),
        (
            "def f(a):\n  x = 0\n  return [(lambda b=(x := c): b) for c in a], x",
            "def f(a):\n  x = 0\n  return [(lambda b=(y := c): b) for c in a], x",
        ),
        (
            "def f(x):\n  z = x\n  return [z for z in z]",
            "def f(x):\n  z = x\n  return [w for w in x]",
        ),
    ],
)
def test_another_variable_is_another_version(before: str, after: str) -> None:
    assert not same(before, after)


@pytest.mark.parametrize("source", ["def f(:", "x = '\0'"])
def test_what_is_no_python_has_no_hash(source: str) -> None:
    with pytest.raises(SyntaxError):
        code_hash(source)


# ---------------------------------------------------------------- each Python


def pythons() -> Iterator[Path]:
    """Yield the interpreters at hand, one for each version that the project runs on."""
    paths = [Path(sys.executable)]
    paths += [Path(path) for n in range(11, 20) if (path := shutil.which(f"python3.{n}"))]
    paths += sorted(Path.home().glob(".pyenv/versions/*/bin/python"))
    seen = set[tuple[int, ...]]()
    for path in paths:
        question = [path, "-c", "import sys; print(*sys.version_info[:2])"]
        answer = subprocess.run(question, capture_output=True, text=True, check=False)
        version = tuple(map(int, answer.stdout.split())) if answer.returncode == 0 else (0,)
        if version >= OLDEST and version not in seen:
            seen.add(version)
            yield path


@pytest.mark.parametrize("python", list(pythons()), ids=str)
def test_every_python_gives_the_same_hashes(python: Path) -> None:
    program = (
        f"import json, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from workers.code_hash import code_hash\n"
        "print(json.dumps([code_hash(source) for source in json.load(sys.stdin)]))"
    )
    sources = [*GOLDEN.values(), *(lab.read_text(encoding="utf-8") for lab in LABS)]
    answer = subprocess.run(
        [python, "-I", "-c", program],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=True,
    )
    hashes = json.loads(answer.stdout)
    assert hashes[: len(GOLDEN)] == list(GOLDEN)
    assert hashes[len(GOLDEN) :] == [code_hash(source) for source in sources[len(GOLDEN) :]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n    return f''", "def f():\n    return"),
        ("def f():\n    yield f''", "def f():\n    yield"),
        ("y: str = f''", "y: str"),
        ("a[f'':]", "a[:]"),
        ("assert x, f''", "assert x"),
    ],
)
def test_an_empty_f_string_is_a_value(one: str, other: str) -> None:
    assert code_hash(one) != code_hash(other)


def test_an_empty_format_is_none() -> None:
    assert code_hash("f'{x:}'") == code_hash("f'{x}'")
