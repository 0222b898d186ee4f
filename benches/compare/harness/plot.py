"""A small plot as SVG: lines over a few sizes, from zero, readable on light and dark pages."""

from html import escape

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 76, 104, 30, 34
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#14191b}.grid{stroke:#d8dddf}.ground{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e5eaeb}.grid{stroke:#2b3437}.ground{fill:#171c1e}}"
)


def step(most):
    """A round distance between lines of the grid, of which there are three to six."""
    power = 1
    while True:
        for part in (1, 2, 5):
            if most / (part * power) <= 6:
                return part * power
        power *= 10


def lines(title, sizes, series):
    """`series` is a name, with its colour and a figure for each size."""
    most = max(max(figures) for _, figures in series.values())
    apart = step(most)
    top = apart * -(-int(most) // apart)
    right = WIDTH - RIGHT

    def across(place):
        return LEFT + (right - LEFT) * place / max(1, len(sizes) - 1)

    def up(figure):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * figure / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>", f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text x="{LEFT}" y="19" font-weight="600">{escape(title)}</text>',
    ]
    for figure in range(0, top + 1, apart):
        height = up(figure)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{figure:,}</text>')
    for place, size in enumerate(sizes):
        parts.append(f'<text x="{across(place):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{size:,}</text>')
    # Names stand at the ends of their lines, and apart where these meet.
    lowest = HEIGHT
    for name, (colour, figures) in sorted(series.items(), key=lambda one: one[1][1][-1]):
        points = " ".join(f"{across(place):.1f},{up(figure):.1f}" for place, figure in enumerate(figures))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for place, figure in enumerate(figures):
            parts.append(f'<circle cx="{across(place):.1f}" cy="{up(figure):.1f}" r="3.5" fill="{colour}"/>')
        lowest = min(up(figures[-1]) + 4, lowest - 16)
        parts.append(f'<text x="{right + 10}" y="{lowest:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
