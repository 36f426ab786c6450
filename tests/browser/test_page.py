"""The page as people meet it: opened from a file, without a network, in Chromium."""

import json
import shutil
from pathlib import Path

import pytest
from report_runs import STRATEGIES, all_runs, run_record, write_results
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from torchal.report import page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no chromium or chromedriver on PATH: install Debian's packages chromium and chromium-driver",
    ),
]


def started(folder: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    return driver


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    results = write_results(tmp_path_factory.mktemp("results"), all_runs((*STRATEGIES, HOSTILE)))
    return page.write(results, "tiny")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = started(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, place):
    show(browser, place, "light")
    return browser


def show(driver, place: Path, scheme: str, width: int = 1200) -> None:
    """Open the page anew, as someone who has not been there before."""
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.get(place.as_uri())
    driver.execute_script("localStorage.clear()")
    driver.get_log("browser")
    driver.refresh()
    drawn(driver, scheme)


def drawn(driver, theme: str) -> None:
    WebDriverWait(driver, 20, 0.05).until(
        lambda each: each.execute_script("return document.documentElement.dataset.drawn") == theme
    )


def colours(driver) -> tuple[str, str]:
    """Return the page's background and the colour of the first chart's labels."""
    return tuple(
        driver.execute_script(
            "return [getComputedStyle(document.body).backgroundColor,"
            "document.querySelector('#curves-0 svg .role-axis-label text').getAttribute('fill')]"
        )
    )


def told(driver, selector: str, place: int = -1) -> str:
    """Return what is said of one of some marks under the mouse."""
    mark = driver.find_elements(By.CSS_SELECTOR, selector)[place]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
    ActionChains(driver).move_to_element(mark).perform()
    return WebDriverWait(driver, 5, 0.05).until(
        lambda each: each.execute_script("return document.querySelector('#vg-tooltip-element.visible')?.innerText")
    )


def tabbed(driver):
    """Press the tabulator, and return what has the focus then."""
    ActionChains(driver).send_keys(Keys.TAB).perform()
    return driver.switch_to.active_element


def test_nothing_is_logged_and_no_dialogue_opens(opened):
    assert opened.get_log("browser") == []
    assert opened.execute_script("return document.title") == "tiny · torchal report"  # fails while an alert is open


def test_every_chart_is_drawn(opened):
    counts = opened.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.chart')].map("
        "(chart) => [chart.id, chart.querySelectorAll("
        "'svg .mark-line path, svg .mark-symbol path, svg .mark-rect path').length]))"
    )
    several = {"differences": range(len(STRATEGIES)), "initial-sets": range(4)}
    expected = {f"{name}-0-{number}" for name, numbers in several.items() for number in numbers}
    assert counts.keys() == expected | {"curves-0", "forest-0", "ranking-0", "penalties-0", "variance-0"}
    assert all(count > 4 for count in counts.values())


def test_charts_fill_their_card_and_stay_in_it(opened):
    gaps = opened.execute_script(
        "return [...document.querySelectorAll('.chart')].map((chart) => "
        "chart.clientWidth - chart.querySelector('svg.marks').getBoundingClientRect().width)"
    )
    assert all(-1 <= gap < 12 for gap in gaps)


def test_nothing_is_fetched(opened, place):
    fetched = opened.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert [name for name in fetched if not name.startswith(("data:", "blob:"))] == []
    assert opened.execute_script("return performance.getEntriesByType('navigation')[0].name") == place.as_uri()


def test_a_hostile_name_is_shown_as_text(opened):
    shown = [each.text for each in opened.find_elements(By.CSS_SELECTOR, ".verdicts .name, .panels h4")]
    assert shown.count(HOSTILE) == 2
    assert opened.execute_script("return document.images.length") == 0
    assert opened.execute_script("return document.scripts.length") == 3


def test_a_hostile_name_stays_text_under_the_mouse(opened):
    tip = told(opened, "#differences-0-3 svg .mark-symbol path")
    assert HOSTILE in tip
    assert "95 % interval" in tip
    assert opened.execute_script("return document.images.length") == 0


def test_single_runs_tell_their_numbers_under_the_mouse(opened):
    run = run_record(HOSTILE, "drawn-3", 2)
    tip = told(opened, "#curves-0 svg .mark-symbol path[opacity='0']")
    assert {run.id, "50", f"{100 * run.cycles[-1].test.accuracy:.1f}"} <= set(tip.split())


def test_every_link_leads_to_a_file_beside_the_page(opened, place):
    links = opened.execute_script(
        "return [...document.querySelectorAll('a')].filter((each) => !each.closest('.vega-actions'))"
        ".map((each) => each.getAttribute('href'))"
    )
    beside = [link for link in links if not link.startswith("https://")]
    assert {"runs.csv", "runs.parquet", "summary.csv"} <= set(beside)
    assert [link for link in beside if not (place.parent / link).is_file()] == []


def test_what_is_folded_away_is_reached_and_opened_by_keyboard(opened):
    assert tabbed(opened).get_attribute("id") == "theme"
    folded = opened.find_element(By.CSS_SELECTOR, "main section > details")
    summary = folded.find_element(By.TAG_NAME, "summary")
    assert any(tabbed(opened) == summary for _ in range(40))
    for key, state in ((Keys.ENTER, "true"), (Keys.SPACE, None)):
        ActionChains(opened).send_keys(key).perform()
        assert folded.get_attribute("open") == state


def test_the_button_switches_page_and_charts_by_keyboard_and_is_remembered(opened):
    light = colours(opened)
    button = opened.find_element(By.ID, "theme")
    assert button.text == "Dark mode"
    opened.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    drawn(opened, "dark")
    dark = colours(opened)
    assert button.text == "Light mode"
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    opened.refresh()
    drawn(opened, "dark")
    assert colours(opened) == dark
    assert opened.execute_script("return document.querySelectorAll('#curves-0 svg.marks').length") == 1


def test_the_page_follows_the_system_until_told_otherwise(browser, place):
    show(browser, place, "dark")
    assert browser.find_element(By.ID, "theme").text == "Light mode"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    )
    drawn(browser, "light")


def test_a_click_in_the_legend_fades_the_others(opened):
    faded = (
        "return [...document.querySelectorAll('#curves-0 svg .mark-line path[stroke-width=\"2.5\"]')]"
        ".filter((line) => parseFloat(getComputedStyle(line).opacity) <= 0.1).length"
    )
    assert opened.execute_script(faded) == 0
    symbol = opened.find_elements(By.CSS_SELECTOR, "#curves-0 svg .role-legend-symbol path")[1]
    opened.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", symbol)
    WebDriverWait(opened, 5, 0.05).until(lambda each: each.execute_script(faded) == len(STRATEGIES))


def test_a_phone_scrolls_tables_not_the_page(browser, place):
    show(browser, place, "light", width=390)
    widths = browser.execute_script(
        "const table = document.querySelector('.scroll');"
        "return [document.documentElement.scrollWidth, innerWidth, table.scrollWidth, table.clientWidth]"
    )
    assert widths[0] <= widths[1] == 390
    assert widths[2] > widths[3]
    legend = browser.execute_script(
        "const [chart, legend] = ['#curves-0 svg.marks', '#curves-0 svg .role-legend'].map((each) => "
        "document.querySelector(each).getBoundingClientRect()); return [legend.right, chart.right]"
    )
    assert legend[0] <= legend[1] + 1


def test_a_chart_that_cannot_be_drawn_says_so(browser, place, tmp_path):
    html = place.read_text(encoding="utf-8")
    start = html.index('id="specs">') + len('id="specs">')
    specs = json.loads(html[start : html.index("</script>", start)])
    nonsense = {"layer": [{"mark": "nonsense", "encoding": {}}], "datasets": {}}
    broken = json.dumps(specs | {"charts": dict.fromkeys(specs["charts"], nonsense)}).replace("<", "\\u003c")
    copy = tmp_path / "broken.html"
    copy.write_text(html[:start] + broken + html[html.index("</script>", start) :], encoding="utf-8")
    show(browser, copy, "light")
    assert "could not be drawn" in browser.find_element(By.ID, "curves-0").text
