"""How fast the map of an index is drawn: the first picture, and frames while it is dragged.

python benchmarks/map_frames.py INDEX MODULE  (MODULE.explainer() opens the index's model)
"""

import argparse
import importlib
import json
import statistics
import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from whyalike.catalogue import CatalogueIndex
from whyalike.web import create_explorer_app
from whyalike.web.api.service import Service

DRAGGED = """async (seconds) => {
  const canvas = document.getElementById('map-marks');
  const box = canvas.getBoundingClientRect();
  const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, bubbles: true, clientX: box.left + x, clientY: box.top + y }));
  canvas.setPointerCapture = () => {};
  const middle = [box.width / 2, box.height / 2];
  send('pointerdown', ...middle);
  const frames = [];
  const began = performance.now();
  let last = began;
  await new Promise((resolve) => {
    function frame(now) {
      frames.push(now - last);
      last = now;
      const turn = (now - began) / 300;
      send('pointermove', middle[0] + 200 * Math.sin(turn), middle[1] + 100 * Math.cos(turn));
      if (now - began < 1000 * seconds) requestAnimationFrame(frame);
      else resolve(null);
    }
    requestAnimationFrame(frame);
  });
  send('pointerup', ...middle);
  return frames.slice(2);
}"""


def metrics(devtools):
    """What Chromium says of its main thread, in seconds."""
    found = devtools.send("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in found if one["name"] == "ThreadTime"}


def serve(app):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return server, server.servers[0].sockets[0].getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("module", nargs="?")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    model = None
    if asked.module:
        sys.path.insert(0, str(Path(asked.module).parent))
        model = importlib.import_module(Path(asked.module).stem).explainer()
    index = CatalogueIndex.open(asked.index, model=model)
    service = Service({}, indexes={asked.index.name: index})
    server, port = serve(create_explorer_app(service))
    url = f"http://127.0.0.1:{port}/catalogue/map"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=asked.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for width, height, ratio in ((1440, 900, 1), (360, 740, 2)):
            context = browser.new_context(
                viewport={"width": width, "height": height}, device_scale_factor=ratio
            )
            page = context.new_page()
            page.goto(url)
            page.wait_for_function("() => performance.getEntriesByName('map-drawn').length > 0")
            first = page.evaluate("performance.getEntriesByName('map-drawn')[0].startTime")
            page.wait_for_selector("#map[data-ready]")
            empty = page.evaluate(
                """async () => { const f = []; let last = performance.now(); const began = last;
                await new Promise((done) => { function frame(now) { f.push(now - last); last = now;
                if (now - began < 2000) requestAnimationFrame(frame); else done(null); }
                requestAnimationFrame(frame); }); return f.slice(2); }"""
            )
            devtools = context.new_cdp_session(page)
            devtools.send("Performance.enable")
            before = metrics(devtools)
            frames = page.evaluate(DRAGGED, 4)
            after = metrics(devtools)
            spent = {name: 1000 * (after[name] - before[name]) / len(frames) for name in after}
            said = {
                "items": len(index),
                "window": f"{width}x{height}@{ratio}",
                "first picture ms": round(first),
                "frames a second, idle": round(1000 / statistics.mean(empty), 1),
                "frames a second, dragged": round(1000 / statistics.mean(frames), 1),
                "frame ms, median": round(statistics.median(frames), 1),
                "main thread CPU ms a frame": round(spent.get("ThreadTime", float("nan")), 1),
                "frame ms, p95": round(sorted(frames)[int(0.95 * len(frames))], 1),
            }
            print(json.dumps(said))
            if asked.picture and ratio == 1:
                page.locator("[data-zoom=all]").click()
                page.screenshot(path=asked.picture)
            context.close()
        browser.close()
    server.should_exit = True
    service.close()


if __name__ == "__main__":
    main()
