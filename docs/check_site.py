"""Check a built site: links, anchors and pictures, and with a browser each page.

    python docs/check_site.py docs/_build/html [--quick] [--browser]

Every internal link, anchor and picture of every page must exist. ``--browser`` opens
the pages in headless Chromium too (``pip install playwright``, and Chromium: its own,
or the one that ``--chromium`` names), in light and dark, wide and narrow: no error in
the console, no picture that does not load, nothing wider than the window. Requests
beyond the site, such as MathJax's, are not made.
"""

import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

PICTURES = "auto_examples/images/"  # of the gallery
QUIET = [  # what a browser does beside showing pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# width of what is on a page, where a long word makes the theme's article scroll and
# not the page
SEEN = """() => Math.max(
    document.documentElement.scrollWidth,
    ...[...document.querySelectorAll(".bd-article-container")].map(
        x => innerWidth + x.scrollWidth - x.clientWidth
    )
)"""


class Page(HTMLParser):
    """Links, pictures and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], {"", "top"}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        for name in ("href", "src"):
            if attributes.get(name):
                self.targets.append(attributes[name])


def html_of(folder):
    """Pages of a site; the theme's templates are none."""
    pages = sorted(folder.rglob("*.html"))
    return [path for path in pages if "_static" not in path.parts]


def dead_links(folder, quick=False):
    """Links and pictures that lead nowhere, as text, and the number of those seen."""
    pages = {path: Page(path) for path in html_of(folder)}
    dead, seen = [], 0
    for path, page in pages.items():
        for target in page.targets:
            if urlsplit(target).scheme or target.startswith("//"):
                continue
            if quick and PICTURES in target:
                continue
            file, anchor = urldefrag(target)
            other = (path.parent / unquote(file.split("?")[0])).resolve()
            if not file or other == path:
                other = path
            seen += 1
            name = f"{path.relative_to(folder)}: {target}"
            if not other.exists():
                dead.append(f"{name} (no such file)")
            elif other in pages and unquote(anchor) not in pages[other].anchors:
                dead.append(f"{name} (no such anchor)")
    return dead, seen


def complaints(folder, quick, chromium):
    """What a browser has to say against the pages, as text."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        # without its sandbox, which root cannot have: the pages are our own
        browser = playwright.chromium.launch(
            executable_path=chromium, chromium_sandbox=False, args=QUIET
        )
        context = browser.new_context()
        context.route(re.compile("^https?:"), lambda route: route.abort())
        for path in html_of(folder):
            found += [
                f"{path.relative_to(folder)}{text}"
                for text in look(context, path)
                if not (quick and PICTURES in text)
            ]
        browser.close()
    return found


def look(context, path):
    """Open one page and list what is wrong with it."""
    page, said = context.new_page(), []
    page.on("pageerror", lambda error: said.append(f": {error}"))

    def hear(message):
        source = message.location["url"]
        if message.type == "error" and not source.startswith("http"):
            said.append(f": {message.text} {source}")

    page.on("console", hear)
    page.goto(path.as_uri())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme == '{scheme}'")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            overflow = page.evaluate(SEEN)
            if overflow > width:
                said.append(f", {scheme}: {overflow} pixels wide, not {width}")
    broken = page.evaluate(
        "[...document.images].filter(x => x.complete && !x.naturalWidth)"
        ".map(x => x.src).filter(x => x.startsWith('file:'))"
    )
    page.close()
    return said + [f": picture does not load: {source}" for source in broken]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the build left out pictures of the gallery",
    )
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--chromium", help="path of a Chromium to use")
    args = parser.parse_args()
    folder = args.folder.resolve()
    wrong, seen = dead_links(folder, args.quick)
    print(f"{seen} internal links and pictures, {len(wrong)} dead")
    if args.browser:
        wrong += complaints(folder, args.quick, args.chromium)
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
