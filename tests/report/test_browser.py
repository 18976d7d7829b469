"""The page in a browser."""

import shutil

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (Debian: chromium, chromium-driver)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf8")
    browser.get(path.as_uri())
    return browser


def shown(browser):
    script = "return [...document.querySelectorAll('.error')].filter(e => !e.hidden).map(e => e.dataset.kind)"
    return browser.execute_script(script)


def output(browser):
    return browser.find_element("css selector", ".filters output").text


def choose(browser, name, value):
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("name", name)).select_by_visible_text(value)


def test_browser_filters_by_class(opened):
    assert output(opened) == "4 of 4 errors"
    choose(opened, "kind", "missed")
    assert shown(opened) == ["missed"]
    assert output(opened) == "1 of 4 errors"


def test_browser_joins_filters_and_clears_them(opened):
    choose(opened, "gold", "ORG")
    choose(opened, "predicted", "LOC")
    assert shown(opened) == ["label"]
    choose(opened, "seen", "seen with this label")
    assert shown(opened) == []
    opened.find_element("css selector", ".filters button").click()
    opened.execute_async_script("setTimeout(arguments[0])")
    assert len(shown(opened)) == 4


def test_browser_filters_by_score(opened):
    choose(opened, "score", "0.5 to 0.8")
    assert sorted(shown(opened)) == ["boundary", "label", "spurious"]  # a missed entity has no score
    choose(opened, "score", "0 to 0.5")
    assert shown(opened) == []


def test_browser_searches_text(opened):
    opened.find_element("name", "search").send_keys("ferries")
    assert shown(opened) == ["spurious"]


def test_browser_keeps_the_view_in_the_address(opened):
    choose(opened, "kind", "boundary")
    address = opened.current_url
    assert address.endswith("#kind=boundary")
    opened.get("about:blank")
    opened.get(address)
    assert shown(opened) == ["boundary"]


def test_browser_runs_no_script_of_the_corpus(opened):
    assert opened.title == "Invented"


@pytest.mark.parametrize("width", [375, 1280])
def test_browser_needs_no_sideways_scrolling(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def test_browser_loads_the_page_alone(opened):
    requests = [entry["message"] for entry in opened.get_log("performance")]
    addresses = [text for text in requests if "Network.requestWillBeSent" in text]
    assert addresses
    assert not [text for text in addresses if '"url":"http' in text]
    assert not [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]


def test_browser_follows_a_confusion_to_its_errors(opened):
    from selenium.webdriver.support.ui import WebDriverWait

    opened.find_element("partial link text", "boundary").click()
    WebDriverWait(opened, 10).until(lambda browser: shown(browser) == ["boundary"])
