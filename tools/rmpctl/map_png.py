# SPDX-License-Identifier: GPL-2.0-only
"""The page-state map as a PNG: all memory, what the colours mean, and each place
that was taken without asking, enlarged."""

from . import page_state, pagemap
from .errors import RmpctlError
from .units import plural, size

# Told apart also by people who see red and green alike, and in grey: what the
# guest took is the only thing that is red or magenta, and it has a frame.
COLOURS = {
    page_state.TAKEN_SHARED: (220, 20, 20),
    page_state.TAKEN_PRIVATE: (214, 0, 196),
    page_state.SHARED: (255, 204, 51),
    page_state.PRIVATE: (38, 84, 155),
    page_state.LAUNCHED: (86, 180, 200),
    page_state.UNASKED: (222, 222, 222),
    page_state.HOLE: (255, 255, 255),
}
INK = (25, 25, 25)
FAINT = (110, 110, 110)

PER_ROW = 128
CELL = 7
MAX_ROWS = 64
MARGIN = 24
LABEL = 112
ZOOM_CELLS = 32
ZOOM_LIMIT = 8


def _imaging():
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise RmpctlError("--png needs Python's imaging library: install the package "
                          "python3-pil.") from None
    return Image, ImageDraw, ImageFont


class Fonts:
    """DejaVu where it is installed, else what the library brings along."""

    def __init__(self, image_font):
        self.image_font = image_font
        self.plain = self._load("DejaVuSans.ttf", 13)
        self.small = self._load("DejaVuSansMono.ttf", 11)
        self.title = self._load("DejaVuSans-Bold.ttf", 18)
        self.bold = self._load("DejaVuSans-Bold.ttf", 13)

    def _load(self, name, points):
        try:
            return self.image_font.truetype(name, points)
        except OSError:
            return self.image_font.load_default()


class Picture:
    """Draws from top to bottom; the height is cut to what was used."""

    def __init__(self, page_map):
        image, image_draw, image_font = _imaging()
        self.map = page_map
        self.width = 2 * MARGIN + LABEL + PER_ROW * CELL
        self.image = image.new("RGB", (self.width, 4000), (255, 255, 255))
        self.draw = image_draw.Draw(self.image)
        self.fonts = Fonts(image_font)
        self.y = MARGIN

    def text(self, x, text, font=None, fill=INK, y=None):
        self.draw.text((x, self.y if y is None else y), text, fill=fill,
                       font=font or self.fonts.plain)

    def heading(self, title, details):
        self.text(MARGIN, title, self.fonts.title)
        self.y += 28
        for line in details:
            self.text(MARGIN, line, fill=FAINT)
            self.y += 19
        self.y += 8

    def verdict(self):
        """The one line that somebody who reads no further should see."""
        totals = self.map.totals()
        pages = sum(totals[k] for k in page_state.ALARMING)
        if pages:
            said = (f"{plural(pages, 'page')} ({size(pages)}) taken without asking, in "
                    f"{plural(len(self.map.taken()), 'place')}")
            colour = COLOURS[page_state.TAKEN_SHARED]
        else:
            said, colour = "Nothing was taken without asking.", (20, 120, 60)
        self.draw.rectangle((MARGIN, self.y, MARGIN + 5, self.y + 18), fill=colour)
        self.text(MARGIN + 14, said, self.fonts.bold, colour, self.y + 1)
        self.y += 32

    def legend(self):
        totals = self.map.totals()
        shown = [k for k in totals if totals[k] or k in (page_state.SHARED, page_state.PRIVATE)]
        for i, kind in enumerate(shown):
            x = MARGIN + (i % 2) * 500
            self.draw.rectangle((x, self.y + 1, x + 14, self.y + 15), fill=COLOURS[kind],
                                outline=INK if kind in page_state.ALARMING else FAINT)
            self.text(x + 24, page_state.MEANING[kind])
            self.text(x + 270, f"{plural(totals[kind], 'page')}, {size(totals[kind])}",
                      fill=FAINT)
            if i % 2 or kind == shown[-1]:
                self.y += 22
        self.y += 14

    def cells(self, x, kinds, edge):
        """A row of cells; neighbours of one kind are one rectangle."""
        start = 0
        for i in range(1, len(kinds) + 1):
            if i < len(kinds) and kinds[i] == kinds[start]:
                continue
            self.draw.rectangle((x + start * edge, self.y, x + i * edge - 1,
                                 self.y + edge - 1), fill=COLOURS[kinds[start]])
            start = i

    def rings(self, x, kinds, edge):
        """Frames around what was taken, so that one cell among thousands is seen."""
        start = 0
        for i in range(1, len(kinds) + 1):
            if i < len(kinds) and kinds[i] == kinds[start]:
                continue
            if kinds[start] in page_state.ALARMING:
                left, right = x + start * edge, x + i * edge
                self.draw.rectangle((left - 2, self.y - 2, right + 1, self.y + edge + 1),
                                    outline=INK)
                self.draw.rectangle((left - 1, self.y - 1, right, self.y + edge),
                                    outline=COLOURS[kinds[start]])
            start = i

    def memory(self):
        per_cell = pagemap.fit(self.map, PER_ROW, MAX_ROWS)
        self.text(MARGIN, f"All memory: a square is {size(per_cell)}, a line is "
                  f"{size(per_cell * PER_ROW)}", self.fonts.bold)
        self.y += 24
        x, last, marks = MARGIN + LABEL, None, []
        for section in pagemap.sections(self.map, per_cell, PER_ROW):
            if last is not None and section.first > last:
                self.y += 4
                self.text(x, f"{size(section.first - last)} without memory",
                          self.fonts.small, FAINT)
                self.y += 20
            last = section.end
            kinds = self.map.cells(section, per_cell)
            top = self.y
            for i in range(0, len(kinds), PER_ROW):
                if i // PER_ROW % 4 == 0:
                    gpa = (section.first + i * per_cell) << 12
                    self.text(MARGIN, f"{gpa:#013x}", self.fonts.small, FAINT, self.y - 3)
                row = kinds[i:i + PER_ROW]
                self.cells(x, row, CELL)
                if any(k in page_state.ALARMING for k in row):
                    marks.append((self.y, row))
                self.y += CELL
            self.draw.rectangle((x - 1, top - 1, x + PER_ROW * CELL, self.y), outline=FAINT)
            self.y += 6
        bottom = self.y
        for self.y, row in marks:
            self.rings(x, row, CELL)
            self.draw.polygon(((x - 10, self.y - 1), (x - 3, self.y + CELL // 2),
                               (x - 10, self.y + CELL)), fill=COLOURS[page_state.TAKEN_SHARED])
        self.y = bottom + 16

    def zoom(self):
        """Page by page, around each place that was taken."""
        taken = self.map.taken()
        if not taken:
            return
        self.text(MARGIN, "Taken without asking, page by page", self.fonts.bold)
        self.y += 26
        x, edge = MARGIN, (self.width - 2 * MARGIN) // ZOOM_CELLS
        for run in taken[:ZOOM_LIMIT]:
            state = "shared" if run.kind == page_state.TAKEN_SHARED else "private"
            span = (f"gfn {run.first:#x}" if run.end == run.first + 1 else
                    f"gfn {run.first:#x} - {run.end - 1:#x} "
                    f"({plural(run.end - run.first, 'page')})")
            before = self.map.kind_at(run.first - 1) if run.first else page_state.HOLE
            self.text(x, f"{span}, used as {state}.  Before it: {page_state.short(before)}; "
                      f"after it: {page_state.short(self.map.kind_at(run.end))}.")
            self.y += 20
            first = max(0, run.first - ZOOM_CELLS // 4)
            kinds = [self.map.kind_at(first + i) for i in range(ZOOM_CELLS)]
            self.cells(x, kinds, edge)
            for i in range(ZOOM_CELLS + 1):
                self.draw.line((x + i * edge, self.y, x + i * edge, self.y + edge - 1),
                               fill=(255, 255, 255))
            self.rings(x, kinds, edge)
            for i in range(0, ZOOM_CELLS, 4):
                self.text(x + i * edge, f"{first + i:#x}", self.fonts.small, FAINT,
                          self.y + edge + 4)
            self.y += edge + 30
        if len(taken) > ZOOM_LIMIT:
            self.text(x, f"... and {plural(len(taken) - ZOOM_LIMIT, 'place')} more: "
                      "'rmpctl map --json' has all", fill=FAINT)
            self.y += 24

    def save(self, file):
        self.image.crop((0, 0, self.width, min(self.y + MARGIN, 4000))).save(file, "PNG")


def save(page_map, title, details, file):
    """Draw the map of a VM into a PNG file (a name or a binary stream)."""
    picture = Picture(page_map)
    picture.heading(title, details)
    picture.verdict()
    picture.legend()
    picture.memory()
    picture.zoom()
    picture.save(file)
