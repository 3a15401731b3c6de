"""Firefox by its own protocol, which geckodriver speaks too: no driver has to be installed.

A message is the length of its JSON, a colon and the JSON: ``[0, id, command, parameters]`` asks,
and ``[1, id, error, result]`` answers.
"""

import base64
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

COMMANDS = ("firefox-esr", "firefox")
SECONDS_TO_START = 120
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def find_firefox():
    """The path of Firefox; None where there is none."""
    return next(filter(None, map(shutil.which, COMMANDS)), None)


class Firefox:
    """A Firefox without a window, with a profile of its own below ``folder``."""

    def __init__(self, command, folder):
        self.profile = Path(folder) / "profile"
        self.profile.mkdir()
        settings = {
            "marionette.port": 0,
            "app.update.enabled": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "toolkit.telemetry.enabled": False,
            "network.captive-portal-service.enabled": False,
        }
        said = "".join(
            f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in settings.items()
        )
        (self.profile / "user.js").write_text(said)
        self.process = subprocess.Popen(
            [command, "--headless", "--marionette", "--no-remote", "--profile", str(self.profile)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.number, self.read = 0, b""
        self.socket = self._connect()
        self._message()
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})

    def _connect(self):
        place = self.profile / "MarionetteActivePort"
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"Firefox ended with {self.process.returncode}")
            if place.exists() and (port := place.read_text().strip()):
                return socket.create_connection(("127.0.0.1", int(port)), SECONDS_TO_START)
            time.sleep(0.05)
        raise TimeoutError("Firefox does not start")

    def _message(self):
        while b":" not in self.read:
            self.read += self._more()
        size, _, rest = self.read.partition(b":")
        while len(rest) < int(size):
            rest += self._more()
        self.read = rest[int(size) :]
        return json.loads(rest[: int(size)])

    def _more(self):
        if not (piece := self.socket.recv(65536)):
            raise RuntimeError("Firefox closed the connection")
        return piece

    def ask(self, command, **parameters):
        """Return what a command of WebDriver answers. Raises RuntimeError."""
        self.number += 1
        content = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(str(len(content)).encode() + b":" + content)
        _, _, error, result = self._message()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def open(self, url):
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script, *arguments):
        """Return what a script returns."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def wait(self, condition, *arguments):
        """Wait until a script's expression holds, and return its value."""
        script = (
            "const [done, ...args] = [arguments[arguments.length - 1], ...arguments];"
            f"const look = () => {{ const found = ({condition});"
            " if (found) done(found); else setTimeout(look, 20); }; look();"
        )
        return self.ask(
            "WebDriver:ExecuteAsyncScript",
            script=script,
            args=list(arguments),
            scriptTimeout=60_000,
        )

    def find(self, selector):
        found = self.ask("WebDriver:FindElement", using="css selector", value=selector)
        return found[ELEMENT]

    def click(self, selector):
        self.ask("WebDriver:ElementClick", id=self.find(selector))

    def type(self, selector, text):
        """Put a text in the place of what a field holds."""
        found = self.find(selector)
        self.ask("WebDriver:ElementClear", id=found)
        self.ask("WebDriver:ElementSendKeys", id=found, text=text)

    def press(self, keys):
        """Press keys where the focus is; letters, or WebDriver's codes of others."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask(
            "WebDriver:PerformActions", actions=[{"type": "key", "id": "keys", "actions": actions}]
        )

    def resize(self, width, height):
        self.ask("WebDriver:SetWindowRect", width=width, height=height)

    def picture(self, path):
        shown = self.ask("WebDriver:TakeScreenshot", full=True)
        Path(path).write_bytes(base64.b64decode(shown))

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.socket.close()
