"""needless_braces.py FILES - braces around one line, in each branch, say nothing.  clang-format 14
takes them away only with others that do."""
import re
import sys

CONDITION = r"\([^\n]*(?:\n\1    [^\n;]*)*\)"
LINE = r"\n\1    (?! ).*;\n"
NEEDLESS = re.compile(
    rf"^( +)(?:if|for|while) {CONDITION} {{{LINE}(?:\1}} else(?: if {CONDITION})? {{{LINE})*\1}}$",
    re.MULTILINE,
)

found = False
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    for match in NEEDLESS.finditer(text):
        print(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: error: needless braces")
        found = True
sys.exit(found)
