// Figures to play with. What they show is computed by the chapters' own functions, in the module attn-play; here are
// the controls and nothing that counts. A classic script, since pages opened from disk refuse modules and `fetch`.
(function () {
    "use strict";

    const figures = Array.from(document.querySelectorAll(".play[data-play]"));
    // The whole book on one page is for the printer: the still figures serve there.
    if (!figures.length || /\/print\.html$/.test(location.pathname) || typeof WebAssembly !== "object") {
        return;
    }

    function element(name, className, text) {
        const made = document.createElement(name);
        made.className = className;
        made.textContent = text || "";
        return made;
    }

    // The module comes when a figure is near, so that no page waits for it.
    let asked = null;
    function module() {
        asked = asked || new Promise(function (done, failed) {
            const script = document.createElement("script");
            script.src = path_to_root + "play/attn-play.js";
            script.onerror = failed;
            script.onload = function () {
                const bytes = Uint8Array.from(atob(self.attnPlayModule), function (c) { return c.charCodeAt(0); });
                WebAssembly.instantiate(bytes, {}).then(function (made) { done(made.instance.exports); }, failed);
            };
            document.head.append(script);
        });
        return asked;
    }

    // The answer's lines, each as its parts.
    function ask(exports, question) {
        const bytes = new TextEncoder().encode(question);
        const at = exports.room(bytes.length);
        new Uint8Array(exports.memory.buffer, at, bytes.length).set(bytes);
        const length = exports.reply();
        const answer = new Uint8Array(exports.memory.buffer, exports.place(), length);
        return new TextDecoder().decode(answer).split("\n").map(function (line) { return line.split("\t"); });
    }

    const calm = matchMedia("(prefers-reduced-motion: reduce)");

    function play(box, exports) {
        const name = box.dataset.play;
        const controls = new Map();
        const live = element("div", "play-live");
        const setting = element("div", "play-controls");
        const shown = element("div", "play-shown");
        const said = element("p", "play-says");
        const numbers = element("dl", "play-numbers");
        const told = element("div", "play-told");
        // What a screen reader hears when a control has moved; the drawing says the same to the eye.
        shown.setAttribute("aria-hidden", "true");
        told.setAttribute("role", "status");
        told.append(said, numbers);

        function question() {
            const parts = [];
            controls.forEach(function (control, key) { parts.push(key + "=" + control.value()); });
            return name + "\n" + parts.join("&");
        }

        function show(lines) {
            let drawings = "";
            const rows = [];
            const titles = [];
            for (const [kind, first, second] of lines) {
                if (kind === "svg") {
                    drawings += '<div class="play-drawing"><div class="figure-scroll">' + first +
                        '</div><p class="play-title"></p></div>';
                    titles.push(second);
                } else if (kind === "number") {
                    rows.push([first, second]);
                } else if (kind === "says") {
                    said.textContent = first;
                } else if (kind === "limit") {
                    controls.get(first).limit(second);
                }
            }
            shown.innerHTML = drawings;
            shown.querySelectorAll(".play-title").forEach(function (title, i) { title.textContent = titles[i]; });
            rows.forEach(function ([key, value], i) {
                if (!numbers.children[i]) {
                    const row = element("div", "");
                    row.append(element("dt", "", key), element("dd", ""));
                    numbers.append(row);
                }
                const value_at = numbers.children[i].lastChild;
                if (value_at.textContent !== value) {
                    value_at.textContent = value;
                }
            });
        }

        // Many moves within one frame are one answer.
        let waiting = 0;
        function changed() {
            waiting = waiting || requestAnimationFrame(function () {
                waiting = 0;
                const start = performance.now();
                show(ask(exports, question()));
                // With the layout, which the frame needs anyway.
                shown.getBoundingClientRect();
                box.dataset.took = (performance.now() - start).toFixed(2);
            });
        }

        function add(key, label, kind, details) {
            const id = "play-" + name + "-" + key;
            const row = element("div", "play-control play-" + kind);
            const text = element("label", "", label);
            text.htmlFor = id;
            const input = document.createElement(kind === "choice" ? "select" : "input");
            input.id = id;
            row.append(text, input);
            let start;
            const control = { input, limit: function () {} };
            if (kind === "choice") {
                start = details[0];
                details.slice(1).forEach(function (option, i) {
                    input.append(new Option(option, i));
                });
                control.value = function () { return input.value; };
            } else if (kind === "switch") {
                start = details[0];
                input.type = "checkbox";
                control.value = function () { return input.checked ? "1" : "0"; };
            } else {
                input.type = "range";
                [input.min, input.max, input.step, start] = details;
                const value = element("output", "");
                value.htmlFor = id;
                row.append(value);
                control.value = function () { return input.value; };
                control.tell = function () {
                    value.textContent = input.value.replace("-", "−");
                };
                control.limit = function (high) {
                    if (input.max !== high) {
                        input.max = high;
                        control.tell();
                    }
                };
                if (kind === "steps") {
                    row.append(runner(input, label));
                }
            }
            control.set = function (value) {
                if (kind === "switch") {
                    input.checked = value !== "0";
                } else {
                    input.value = value;
                }
                if (control.tell) {
                    control.tell();
                }
            };
            control.back = function () { control.set(start); };
            control.back();
            input.addEventListener("input", function () {
                if (control.tell) {
                    control.tell();
                }
                changed();
            });
            // mdBook turns the page on arrows.
            input.addEventListener("keydown", function (event) {
                if (event.key.startsWith("Arrow")) {
                    event.stopPropagation();
                }
            });
            controls.set(key, control);
            setting.append(row);
        }

        // Steps by themselves, where the reader likes motion.
        function runner(input, label) {
            const buttons = element("span", "play-runner");
            function step(by) {
                const next = Number(input.value) + by;
                input.value = String(next);
                input.dispatchEvent(new Event("input"));
                return next < Number(input.max);
            }
            function button(text, name, act) {
                const made = element("button", "", text);
                made.type = "button";
                made.setAttribute("aria-label", name + ": " + label);
                made.addEventListener("click", act);
                buttons.append(made);
                return made;
            }
            let clock = 0;
            function stop() {
                clearInterval(clock);
                clock = 0;
                run.textContent = "Run";
                run.setAttribute("aria-label", "Run: " + label);
            }
            button("−1", "One back", function () { stop(); step(-1); });
            button("+1", "One on", function () { stop(); step(1); });
            const run = button("Run", "Run", function () {
                if (clock) {
                    stop();
                    return;
                }
                if (input.value === input.max) {
                    input.value = input.min;
                }
                run.textContent = "Stop";
                run.setAttribute("aria-label", "Stop: " + label);
                clock = setInterval(function () {
                    if (!step(1)) {
                        stop();
                    }
                }, 700);
            });
            function motion() {
                run.hidden = calm.matches;
                if (calm.matches) {
                    stop();
                }
            }
            motion();
            calm.addEventListener("change", motion);
            return buttons;
        }

        // Parts of the drawing that can be held and pulled: from their lower to their upper end, the control goes
        // from its least to its largest value.
        let held = null;
        shown.addEventListener("pointerdown", function (event) {
            const grip = event.target.closest("[data-control]");
            const control = grip && controls.get(grip.dataset.control);
            if (!control) {
                return;
            }
            const { top, height } = grip.getBoundingClientRect();
            held = { input: control.input, control, top, height };
            shown.setPointerCapture(event.pointerId);
            pull(event);
            event.preventDefault();
        });
        function pull(event) {
            if (!held) {
                return;
            }
            const { input, control, top, height } = held;
            const share = Math.min(1, Math.max(0, 1 - (event.clientY - top) / height));
            control.set(String(Number(input.min) + share * (Number(input.max) - Number(input.min))));
            changed();
        }
        shown.addEventListener("pointermove", pull);
        for (const end of ["pointerup", "pointercancel"]) {
            shown.addEventListener(end, function () { held = null; });
        }

        const first = ask(exports, name);
        for (const [what, key, label, kind, ...details] of first) {
            if (what === "control") {
                add(key, label, kind, details);
            }
        }
        const back = element("button", "play-back", "As at first");
        back.type = "button";
        back.addEventListener("click", function () {
            controls.forEach(function (control) { control.back(); });
            changed();
        });
        setting.append(back);
        show(first);
        live.append(setting);
        if (shown.querySelector("[data-control]")) {
            live.append(element("p", "play-hint", "The upper bars can be pulled in the drawing, too."));
        }
        live.append(shown, told);
        box.append(live);
        box.classList.add("playing");
    }

    const seen = new IntersectionObserver(function (entries) {
        for (const entry of entries.filter(function (one) { return one.isIntersecting; })) {
            seen.unobserve(entry.target);
            // If it cannot be loaded, the still figure stays.
            module().then(function (exports) { play(entry.target, exports); }, function () {});
        }
    }, { rootMargin: "1200px" });
    function watch() {
        figures.forEach(function (box) { seen.observe(box); });
    }
    if (document.readyState === "complete") {
        watch();
    } else {
        addEventListener("load", watch);
    }
})();
