"""A plan's page as a person at a browser sees and uses it."""

import importlib.util
import json
from pathlib import Path
from typing import Any


class Page:
    """What is shown, and what keys and clicks do. `shots` is a folder for pictures, None for taking none."""

    def __init__(self, driver: Any, *, shots: Path | None) -> None:
        self.driver = driver
        self._shots = shots

    def loaded(self, address: str) -> None:
        """Wait until the page is there whole: on a busy machine the driver has been seen to go on before that."""
        from selenium.webdriver.support.wait import WebDriverWait

        state = f"{address} complete"
        WebDriverWait(self.driver, 30, 0.05).until(
            lambda driver: driver.execute_script("return location.href + ' ' + document.readyState") == state
        )

    def until(self, script: str) -> None:
        """Wait until a script returns true: some things happen after the next frame."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, 10, 0.05).until(lambda driver: driver.execute_script(script))

    def media(self, *, dark: bool = False, media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def names(self) -> list[str]:
        """The repositories that are on the page and not filtered out, in folds as well."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('.entry .name')]"
            ".filter(name => !name.closest('[hidden]')).map(name => name.textContent)"
        )
        return found

    def visible(self, selector: str) -> int:
        """How many of such elements take up room on the screen."""
        count: int = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(one => one.checkVisibility({contentVisibilityAuto: false})).length",
            selector,
        )
        return count

    def status(self) -> str:
        text: str = self.run("return document.getElementById('shown').textContent")
        return text

    def keys(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        self._drawn()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()
        self._drawn()

    def focused(self) -> str:
        """The element that has the focus, by its id or else its name."""
        told: str = self.run("return document.activeElement.id || document.activeElement.tagName.toLowerCase()")
        return told

    def style(self, selector: str, name: str) -> str:
        value: str = self.run(
            "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])",
            selector,
            name,
        )
        return value

    def logs(self) -> list[str]:
        """What the console said since the last time, and forget the requests until now."""
        self.driver.get_log("performance")
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the browser was made to ask for since `logs`."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def accessibility_findings(self) -> list[str]:
        """What axe-core finds on the page as it is shown now, by rule and first place."""
        spec = importlib.util.find_spec("axe_playwright_python")
        assert spec is not None
        assert spec.origin is not None
        self.run(Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(result => done(result.violations));"
        )
        assert isinstance(found, list)
        return [
            f"{one['impact']}: {one['id']}: {one['help']}: {one['nodes'][0]['html']} ({len(one['nodes'])})"
            for one in found
        ]

    def shoot(self, name: str) -> None:
        """A picture of the window, where somebody wants to look at it."""
        if self._shots is not None:
            self._shots.mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(self._shots / f"{name}.png"))

    def _drawn(self) -> None:
        """Wait until the browser has drawn: the filter works before the next frame."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        )
