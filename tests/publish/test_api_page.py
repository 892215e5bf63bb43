"""The page on the library: the front door in full and first, everything else in one line."""

import re
from pathlib import Path

import unitscope
from unitscope.publish.api_page import listing

ROOT = Path(__file__).parents[2]


def test_the_front_door_comes_first_and_in_full_and_the_page_stays_readable():
    html = listing(ROOT, "embedded")
    door, rest = html.split("<h2>Below the front door</h2>")
    assert re.findall(r'id="api-(\w+)"', door) == list(unitscope.PLACES) and "Stable" in door
    assert (
        "&gt;&gt;&gt; import unitscope as us" in door
        and "(U, k, D)" in door
        and "<dt><code>n_ref</code></dt><dd>strongest images" in door
    )
    assert "Changing" in rest and "unitscope.metrics.clusters" in rest and "Parameters\n" not in rest
    assert re.search(r"<li><code>crop_boxes\(heat, threshold, blur\)</code> A square box around the heat\.</li>", rest)
    assert len(html) < 200_000  # the whole library's docstrings take 360,000
