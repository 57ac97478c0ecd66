"""Formulas as Unicode, where they fit on a line. What does not is left as the TeX that it was:
whoever asks gets a formula that says the same, or the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable


def _table(pairs: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs.split())


def _names(names: str) -> tuple[str, ...]:
    return tuple(names.split())


# commands that are one character
SIGNS = _table(
    "alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ "
    "iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ pi=π varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς "
    "tau=τ upsilon=υ phi=ϕ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ "
    "Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω "
    "cdot=· times=× div=÷ pm=± mp=∓ ast=∗ star=⋆ circ=∘ bullet=• oplus=⊕ otimes=⊗ odot=⊙ "
    "le=≤ leq=≤ ge=≥ geq=≥ ne=≠ neq=≠ approx=≈ sim=∼ simeq=≃ cong=≅ equiv=≡ propto=∝ ll=≪ "
    "gg=≫ in=∈ notin=∉ ni=∋ subset=⊂ subseteq=⊆ supset=⊃ supseteq=⊇ cup=∪ cap=∩ "
    "setminus=∖ emptyset=∅ varnothing=∅ forall=∀ exists=∃ neg=¬ land=∧ lor=∨ "
    "to=→ rightarrow=→ leftarrow=← leftrightarrow=↔ Rightarrow=⇒ Leftarrow=⇐ "
    "Leftrightarrow=⇔ iff=⇔ implies=⇒ mapsto=↦ uparrow=↑ downarrow=↓ "
    "sum=∑ prod=∏ int=∫ oint=∮ partial=∂ nabla=∇ infty=∞ ell=ℓ hbar=ℏ Re=ℜ Im=ℑ top=⊤ "
    "bot=⊥ perp=⊥ mid=∣ parallel=∥ angle=∠ prime=′ dagger=† langle=⟨ rangle=⟩ "
    "lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ lVert=‖ rVert=‖ lvert=| rvert=| Vert=‖ vert=| "
    "dots=… ldots=… cdots=⋯ vdots=⋮ colon=: backslash=∖"
)
# commands that are words
WORDS = _names(
    "log ln exp sin cos tan tanh sinh cosh arctan max min sup inf lim det dim ker Pr gcd arg deg"
)
FUNCTION_OF = re.compile(rf"\b({'|'.join(WORDS)}) ([(⁰¹²³⁴-⁹⁻ⁿₐ-ₜ₀-₉ᵢ-ᵪ_^])")
SPACES = {",": " ", ";": " ", ":": " ", "!": "", " ": " ", "quad": "  ", "qquad": "   ", ">": " "}
SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδϵθϕ′⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿᵠ′ᵀ",
        strict=True,
    )
) | {"−": "⁻", "∗": "*", " ": ""}
SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()aehijklmnoprstuvxβγρϕχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )
) | {"−": "₋", " ": ""}
ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "bar": "\u0304",
    "overline": "\u0305",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "vec": "\u20d7",
    "dot": "\u0307",
    "ddot": "\u0308",
}
BLACKBOARD = dict(zip("CEHNPQRZ", "ℂ𝔼ℍℕℙℚℝℤ", strict=True))
PLAIN = _names(  # what is in them is shown as it is
    "text mathrm mathit mathbf mathsf mathtt operatorname textbf textit boldsymbol bm mathcal "
    "mathscr mathfrak textrm"
)
IGNORED = _names(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle limits "
    "nolimits mathstrut"
)
PIECE = re.compile(r"\\([A-Za-z]+\*?|.)|\s+|.", re.DOTALL)
MAX_CHARS = 2_000  # of a formula that is tried
MAX_DEPTH = 20


class _DoesNotFit(Exception):
    pass


def to_unicode(source: str) -> str:
    """Return a formula as Unicode on one line, or its source if it does not fit on one."""
    if len(source) > MAX_CHARS:
        return source
    try:
        return _Reader(source).whole()
    except _DoesNotFit:
        return source.strip()


class _Reader:
    """Reads TeX from left to right. A group becomes a text; what is around it says whether that
    needs parentheses.
    """

    def __init__(self, source: str) -> None:
        self.pieces = [match[0] for match in PIECE.finditer(source)]
        self.place = 0
        self.depth = 0

    def whole(self) -> str:
        text = self.sequence(lambda piece: False)
        if self.place < len(self.pieces):  # a brace that closes nothing
            raise _DoesNotFit
        text = FUNCTION_OF.sub(r"\1\2", text)
        return re.sub(r" {2,}", " ", text).strip()

    def sequence(self, ends: Callable[[str], bool]) -> str:
        """Read up to a piece that ends it, and leave that."""
        parts: list[str] = []
        while self.place < len(self.pieces):
            piece = self.pieces[self.place]
            if ends(piece):
                break
            if piece in ("}", "&", "\\\\"):
                raise _DoesNotFit
            self.place += 1
            if piece in "^_":
                script = self.argument()
                parts.append(_script(piece, script))
            elif piece.isspace():
                parts.append("")
            else:
                parts.append(self.item(piece))
        return _joined(parts)

    def argument(self) -> str:
        """Read what belongs to a command or a script: a group, or one item."""
        while self.place < len(self.pieces) and self.pieces[self.place].isspace():
            self.place += 1
        if self.place == len(self.pieces):
            raise _DoesNotFit
        piece = self.pieces[self.place]
        self.place += 1
        return self.item(piece)

    def item(self, piece: str) -> str:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _DoesNotFit
        try:
            return self._item(piece)
        finally:
            self.depth -= 1

    def _item(self, piece: str) -> str:
        if piece == "{":
            text = self.sequence(lambda piece: piece == "}")
            if self.place == len(self.pieces):
                raise _DoesNotFit
            self.place += 1
            return text
        if not piece.startswith("\\"):
            return {"-": "−", "*": "∗", "~": " ", "'": "′", ",": ", "}.get(piece, _spaced(piece))
        return self.command(piece[1:])

    def command(self, name: str) -> str:
        if name in SIGNS:
            return _spaced(SIGNS[name])
        if name in WORDS:
            return f"{name} "
        if name in SPACES:
            return SPACES[name]
        if name in "{}%$#_&|" and name:
            return {"|": "‖"}.get(name, name)
        if name in IGNORED:
            if self.place < len(self.pieces) and self.pieces[self.place] == ".":
                self.place += 1  # `\right.`, of no bracket
            return ""
        if name in PLAIN or name == "operatorname*":
            return self.letters() if name.startswith("text") else self.argument()
        if name == "mathbb":
            letters = self.argument()
            return "".join(BLACKBOARD.get(letter, letter) for letter in letters)
        if name in ACCENTS:
            base = self.argument()
            if len(base) != 1:
                raise _DoesNotFit
            return base + ACCENTS[name]
        if name in ("frac", "tfrac", "dfrac"):
            above, below = self.argument(), self.argument()
            return _Fraction(f"{_grouped(above)}/{_grouped(below)}")
        if name == "sqrt":
            if self.place < len(self.pieces) and self.pieces[self.place] == "[":
                raise _DoesNotFit
            return f"√{_grouped(self.argument())}"
        if name == "binom":
            above, below = self.argument(), self.argument()
            return f"C({above.strip()}, {below.strip()})"
        raise _DoesNotFit

    def letters(self) -> str:
        """Read a text, in which spaces count."""
        if self.place == len(self.pieces) or self.pieces[self.place] != "{":
            raise _DoesNotFit
        self.place += 1
        begin = self.place
        while self.place < len(self.pieces) and self.pieces[self.place] != "}":
            if self.pieces[self.place] in ("{", "$"):
                raise _DoesNotFit
            self.place += 1
        text = "".join(self.pieces[begin : self.place])
        if self.place == len(self.pieces):
            raise _DoesNotFit
        self.place += 1
        return text


class _Fraction(str):
    """A fraction on a line: what follows it would be read as part of the denominator, and a number
    before it as part of the numerator.
    """


FACTOR = re.compile(r"[\w(‖√∂∇∑∏⁰-⁹²³¹]")


def _joined(parts: list[str]) -> str:
    """Join what was read; a fraction that a factor or an exponent follows, or a number begins, is
    in parentheses. One that is alone in its group stays one for what is around that.
    """
    shown = [part for part in parts if part]
    if len(shown) == 1:
        return shown[0]
    around = zip(["", *shown], shown, [*(part.lstrip() for part in shown[1:]), ""], strict=False)
    return "".join(
        f"({part})"
        if isinstance(part, _Fraction)
        and (FACTOR.match(follower) or (before[-1:].isdigit() and part[0].isdigit()))
        else part
        for before, part, follower in around
    )


RELATIONS = set("=<>≤≥≠≈∼≃≅≡∝≪≫∈∉⊂⊆⊃⊇→←↔⇒⇐⇔↦+×")


def _spaced(sign: str) -> str:
    return f" {sign} " if sign in RELATIONS else sign


def _script(mark: str, text: str) -> str:
    """Return a superscript or subscript: of small letters if there are such, else `^(…)`."""
    bare = text.strip()
    if not bare:
        raise _DoesNotFit
    small = SUPERSCRIPTS if mark == "^" else SUBSCRIPTS
    tight = bare.replace(" ", "")
    if tight == "′":
        return "′"
    if all(letter in small for letter in tight):
        return "".join(small[letter] for letter in tight)
    return f"{mark}{bare}" if len(bare) == 1 else f"{mark}({bare})"


def _grouped(text: str) -> str:
    """Return an operand, in parentheses where it would otherwise be read apart."""
    bare = text.strip()
    if not bare:
        raise _DoesNotFit
    is_one = re.fullmatch(r"[\w.′ϕ\u0300-\u036f\u20d7₀-₉ₐ-ₜᵢ-ᵪⱼ⁰-ⁿ²³¹ᵀ∂∇]+", bare)
    return bare if is_one else f"({bare})"
