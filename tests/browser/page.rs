//! A tab of the browser, and what a reader can do in it.

use crate::chromium::Chromium;
use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a page may take for what needs no compiler.
pub const SOON: Duration = Duration::from_secs(60);

/// A tab that shares no storage with any other.
pub struct Page<'a> {
    chromium: &'a Chromium,
    context: String,
    session: String,
}

impl<'a> Page<'a> {
    pub fn open(chromium: &'a Chromium, url: &str) -> Result<Self> {
        let page = Page::blank(chromium)?;
        page.go(url)?;
        Ok(page)
    }

    /// A page whose own scripts do not run.
    pub fn without_scripts(chromium: &'a Chromium, url: &str) -> Result<Self> {
        let page = Page::blank(chromium)?;
        page.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }))?;
        page.go(url)?;
        Ok(page)
    }

    fn blank(chromium: &'a Chromium) -> Result<Self> {
        let ask = |method: &str, params: Value, key: &str| {
            let answer = chromium.call(None, method, params)?;
            let text = answer[key].as_str().context(key.to_string())?;
            anyhow::Ok(text.to_string())
        };
        let context = ask("Target.createBrowserContext", json!({}), "browserContextId")?;
        let blank = json!({ "url": "about:blank", "browserContextId": context });
        let target = ask("Target.createTarget", blank, "targetId")?;
        let attach = json!({ "targetId": target, "flatten": true });
        let session = ask("Target.attachToTarget", attach, "sessionId")?;
        let page = Page { chromium, context, session };
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility", "DOM"] {
            page.call(&format!("{domain}.enable"), json!({}))?;
        }
        // As if the tab were in front: a page that is hidden does not ask for news.
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        page.resize(1300)?;
        Ok(page)
    }

    fn call(&self, method: &str, params: Value) -> Result<Value> {
        self.chromium.call(Some(&self.session), method, params)
    }

    /// Opens another page in this tab and waits until it is all there.
    pub fn go(&self, url: &str) -> Result<()> {
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        let error = &answer["errorText"];
        ensure!(error.is_null(), "{url}: {error}");
        self.loaded().with_context(|| url.to_string())
    }

    pub fn reload(&self) -> Result<()> {
        self.call("Page.reload", json!({}))?;
        // The old page is still there for a moment.
        thread::sleep(Duration::from_millis(500));
        self.loaded()
    }

    fn loaded(&self) -> Result<()> {
        self.wait("the page to load", SOON, "document.readyState === 'complete'")?;
        self.eval("document.fonts.ready.then(() => null)")
    }

    /// The value of a JavaScript expression, awaited if it is a promise.
    pub fn eval<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        let mut answer = self.evaluate(script, true)?;
        let value = answer["result"]["value"].take();
        serde_json::from_value(value).with_context(|| script.to_string())
    }

    fn evaluate(&self, script: &str, by_value: bool) -> Result<Value> {
        let params =
            json!({ "expression": script, "returnByValue": by_value, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", params)?;
        let thrown = &answer["exceptionDetails"];
        ensure!(thrown.is_null(), "{script}\n{thrown}");
        Ok(answer)
    }

    /// Waits until an expression is true; answers how long that took.
    pub fn wait(&self, what: &str, at_most: Duration, script: &str) -> Result<Duration> {
        let start = Instant::now();
        loop {
            match self.eval(script) {
                Ok(true) => return Ok(start.elapsed()),
                Ok(false) => {}
                // Asked in the moment in which one page gives way to the next.
                Err(error) if format!("{error:#}").contains("navigated") => {}
                Err(error) => return Err(error),
            }
            ensure!(start.elapsed() < at_most, "waited {at_most:?} in vain for {what}");
            thread::sleep(Duration::from_millis(25));
        }
    }

    /// Clicks with the mouse on the middle of the element that a CSS selector finds.
    pub fn click(&self, selector: &str) -> Result<()> {
        let find = format!(
            "(() => {{
                const found = document.querySelector({selector:?});
                if (!found) return null;
                found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = found.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"
        );
        let place: Option<(f64, f64)> = self.eval(&find)?;
        let (x, y) = place.with_context(|| format!("there is no {selector}"))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// Pulls with the mouse from one place in an element to another, both as shares of its width and height.
    pub fn drag(&self, selector: &str, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        let find = format!(
            "(() => {{
                const found = document.querySelector({selector:?});
                found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = found.getBoundingClientRect();
                return [box.x, box.y, box.width, box.height];
            }})()"
        );
        let (x, y, w, h): (f64, f64, f64, f64) = self.eval(&find)?;
        for (kind, (across, down), buttons) in
            [("mousePressed", from, 1), ("mouseMoved", to, 1), ("mouseReleased", to, 0)]
        {
            let params = json!({
                "type": kind, "x": x + w * across, "y": y + h * down, "button": "left", "buttons": buttons, "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// Presses a key: a letter, or one with a name.
    pub fn press(&self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "ArrowRight" => (39, ""),
            letter => (letter.to_uppercase().bytes().next().unwrap_or(0), letter),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }

    pub fn resize(&self, width: u32) -> Result<()> {
        let params =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", params)?;
        Ok(())
    }

    /// Paper (`print`) or a screen, and what else the reader's system says.
    pub fn media(&self, kind: &str, features: &[(&str, &str)]) -> Result<()> {
        let one = |(name, value): &(&str, &str)| json!({ "name": name, "value": value });
        let features: Vec<Value> = features.iter().map(one).collect();
        self.call("Emulation.setEmulatedMedia", json!({ "media": kind, "features": features }))?;
        Ok(())
    }

    /// Loads nothing from addresses like these.
    pub fn block(&self, urls: &[&str]) -> Result<()> {
        self.call("Network.setBlockedURLs", json!({ "urls": urls }))?;
        Ok(())
    }

    /// Light or dark, as the reader's system says it.
    pub fn prefer(&self, scheme: &str) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }))?;
        Ok(())
    }

    /// The role and the name under which a screen reader knows an element.
    pub fn accessible(&self, element: &str) -> Result<(String, String)> {
        let object = &self.evaluate(element, false)?["result"]["objectId"];
        let params = json!({ "objectId": object, "fetchRelatives": false });
        let tree = self.call("Accessibility.getPartialAXTree", params)?;
        let node = &tree["nodes"][0];
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_string();
        Ok((text(&node["role"]), text(&node["name"])))
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let params = json!({ "browserContextId": self.context });
        let _ = self.chromium.call(None, "Target.disposeBrowserContext", params);
    }
}
