"""The leaderboard as people meet it: opened from a file, without a network, in Chromium."""

import shutil
from pathlib import Path

import pytest
from report_runs import STRATEGIES, all_runs, write_results
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from torchal.report import carded, leaderboard

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover='alert(3)"
BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
ALL = 2 * (len(STRATEGIES) + 1)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no chromium or chromedriver on PATH: install Debian's packages chromium and chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A site of two cards, each with a hostile strategy, one of a data set with a hostile name."""
    folder = tmp_path_factory.mktemp("cards")
    for name, on in (("plain", ("digits", "mlp")), ("strange", (HOSTILE, "vgg16"))):
        runs = all_runs((*STRATEGIES, HOSTILE), place=on)
        results = write_results(tmp_path_factory.mktemp("results"), runs, name=name)
        carded.write(results, name)[0].rename(folder / f"{name}.json")
    return leaderboard.write(folder, folder / "site")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


def show(driver, place: Path, scheme: str = "light", width: int = 1300, *, scripts: bool = True) -> None:
    """Open the page anew, as someone who has not been there before."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    driver.get(place.as_uri())
    driver.execute_script("localStorage.clear()")
    driver.get_log("browser")
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    driver.refresh()


@pytest.fixture
def opened(browser, place):
    show(browser, place)
    return browser


def rows(driver) -> list[str]:
    """Return the strategies of the rows that can be seen."""
    cells = driver.find_elements(By.CSS_SELECTOR, ".board tr[data-strategy] th")
    return [each.text for each in cells if each.text]


def said(driver) -> str:
    return driver.find_element(By.ID, "shown").text


def test_nothing_is_logged_fetched_or_asked(opened):
    assert opened.get_log("browser") == []
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert opened.execute_script("return document.title") == "torchal leaderboard"  # fails while an alert is open


def test_a_hostile_name_is_shown_as_text(opened):
    assert rows(opened).count(HOSTILE) == 2
    assert opened.execute_script("return [document.images.length, document.scripts.length]") == [0, 1]
    assert opened.execute_script("return document.querySelectorAll('[onmouseover]').length") == 0
    options = [each.text for each in opened.find_elements(By.CSS_SELECTOR, "select[name=dataset] option")]
    assert options == ["all", HOSTILE, "digits"]


def test_a_part_of_a_strategys_name_leaves_its_rows(opened):
    assert said(opened) == f"All {ALL} rows"
    opened.find_element(By.NAME, "strategy").send_keys("BALD")
    assert rows(opened) == ["bald(samples=10)"] * 2
    assert said(opened) == f"2 of {ALL} rows"


def test_filters_join_and_are_taken_away_by_keyboard(opened):
    Select(opened.find_element(By.NAME, "dataset")).select_by_visible_text(HOSTILE)
    assert len(rows(opened)) == ALL / 2
    opened.find_element(By.NAME, "strategy").send_keys("random")
    assert rows(opened) == ["random"]
    opened.find_element(By.NAME, "strategy").send_keys(Keys.ENTER)
    Select(opened.find_element(By.NAME, "model")).select_by_visible_text("mlp")
    assert rows(opened) == []
    assert said(opened) == "No row is like that"
    button = opened.find_element(By.CSS_SELECTOR, "button[type=reset]")
    opened.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    opened.execute_async_script("setTimeout(arguments[0], 20)")
    assert said(opened) == f"All {ALL} rows"


def test_a_link_leads_to_the_card(opened, place):
    link = opened.find_element(By.CSS_SELECTOR, ".board tbody a").get_attribute("href")
    assert link.startswith(place.parent.as_uri())
    assert (place.parent / "cards" / link.rpartition("/")[2]).is_file()


def test_light_and_dark_follow_the_system_until_told_otherwise(browser, place):
    background = "return getComputedStyle(document.body).backgroundColor"
    show(browser, place, "dark")
    dark, button = browser.execute_script(background), browser.find_element(By.ID, "theme")
    assert button.text == "Light mode"
    button.send_keys(Keys.ENTER)
    assert browser.execute_script(background) != dark
    browser.refresh()
    assert browser.find_element(By.ID, "theme").text == "Dark mode"


def test_a_phone_scrolls_tables_not_the_page(browser, place):
    show(browser, place, width=390)
    widths = browser.execute_script(
        "const table = document.querySelector('.board .scroll');"
        "return [document.documentElement.scrollWidth, innerWidth, table.scrollWidth > table.clientWidth]"
    )
    assert widths == [390, 390, True]


def test_without_scripts_every_row_can_be_read(browser, place):
    show(browser, place, scripts=False)
    assert len(rows(browser)) == ALL
    assert not browser.find_element(By.ID, "filters").is_displayed()
    assert not browser.find_element(By.ID, "theme").is_displayed()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
