// What the book does beyond standing still. A classic script, since pages opened from disk refuse modules.
(function () {
    "use strict";

    // Numbers beside listings, as they are in the file; each can be linked to.
    function numberLines(listing) {
        const pre = listing.querySelector("pre");
        const name = listing.id.replace(/^code-/, "");
        const gutter = document.createElement("span");
        gutter.className = "line-numbers";
        for (const number of listing.dataset.lines.split(",")) {
            const link = document.createElement("a");
            link.id = name + "-line-" + number;
            link.href = "#" + link.id;
            link.textContent = number;
            link.setAttribute("aria-label", "Line " + number);
            link.tabIndex = -1;
            gutter.append(link);
        }
        pre.classList.add("numbered");
        pre.prepend(gutter);
    }

    document.querySelectorAll(".listing[data-lines]").forEach(numberLines);
    if (location.hash.includes("-line-")) {
        // The browser looked for the line before it was there.
        const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
        if (target) {
            location.replace(location.hash);
        }
    }

    // The values behind a figure's shapes, as tooltips. As text in the page they would fill the search index.
    for (const shape of document.querySelectorAll("svg.viz [data-tip]")) {
        const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
        title.textContent = shape.dataset.tip;
        shape.append(title);
    }

    // What is wider than the page can be scrolled with the keyboard too; the arrows do not turn the page then.
    const scrollers = document.querySelectorAll(".math-display, .table-wrapper, .figure-scroll, main pre > code");
    for (const box of scrollers) {
        box.addEventListener("keydown", function (event) {
            if (box.tabIndex === 0 && event.key.startsWith("Arrow")) {
                event.stopPropagation();
            }
        });
    }
    function reachScrollers() {
        for (const box of scrollers) {
            if (box.scrollWidth > box.clientWidth + 1) {
                box.tabIndex = 0;
                box.setAttribute("role", "group");
                box.setAttribute("aria-label", "Scrolls sideways");
            } else {
                box.removeAttribute("tabindex");
                box.removeAttribute("role");
                box.removeAttribute("aria-label");
            }
        }
    }
    addEventListener("load", reachScrollers);
    addEventListener("resize", reachScrollers);

    // The rest needs the course's server, which puts its token into the pages that it gives out.
    const meta = document.querySelector('meta[name="attn-token"]');
    if (!meta) {
        return;
    }
    const headers = { "X-Attn-Token": meta.content };

    const words = {
        unsolved: ["○", "Not solved yet"],
        checking: ["…", "Checking"],
        passed: ["✓", "Passed"],
        failed: ["✗", "Not right yet"],
    };

    function element(name, className, text) {
        const made = document.createElement(name);
        made.className = className;
        made.textContent = text || "";
        return made;
    }

    // One box: its lines are made once, and changed only when their words do, so that a screen reader speaks only then.
    function fill(box) {
        const id = box.dataset.exercise;
        const live = box.querySelector(".exercise-live");
        const state = element("p", "exercise-state");
        const sign = element("span", "sign");
        const word = element("span", "word");
        sign.setAttribute("aria-hidden", "true");
        state.append(sign, word);
        const text = element("div", "exercise-text");
        const verdict = element("div", "exercise-verdict");
        verdict.setAttribute("aria-live", "polite");
        verdict.append(state, text);
        const hint = element("div", "exercise-text exercise-hint");
        hint.setAttribute("aria-live", "polite");
        const buttons = element("div", "exercise-buttons");

        async function act(verb, button) {
            button.disabled = true;
            try {
                const answer = await fetch("/_attn/" + verb + "/" + id, { method: "POST", headers });
                const body = await answer.json().catch(function () { return {}; });
                if (body.error || body.text || verb === "hint") {
                    hint.textContent = body.error || body.text || "There is no further hint.";
                }
                poll();
            } catch (_) {
                hint.textContent = "The course is not running.";
            } finally {
                button.disabled = false;
                button.focus();
            }
        }

        for (const [verb, label] of [["check", "Check"], ["hint", "Hint"], ["reset", "Reset…"]]) {
            const button = element("button", "exercise-button", label);
            button.type = "button";
            button.setAttribute("aria-label", label.replace("…", "") + " exercise " + id);
            button.addEventListener("click", function () {
                const question = "Put exercise " + id + " back to its starter? A backup of your file is kept.";
                if (verb !== "reset" || confirm(question)) {
                    act(verb, button);
                }
            });
            buttons.append(button);
        }
        live.append(verdict, hint, buttons);

        let shown = "";
        return function (exercise) {
            const now = JSON.stringify(exercise);
            if (now === shown) {
                return;
            }
            shown = now;
            box.dataset.state = exercise.state;
            const [mark, phrase] = words[exercise.state] || ["•", exercise.state];
            sign.textContent = mark;
            word.textContent = phrase;
            text.textContent = exercise.text || "";
        };
    }

    const boxes = new Map();
    document.querySelectorAll(".exercise[data-exercise]").forEach(function (box) {
        boxes.set(box.dataset.exercise, { box, show: null });
    });

    const notice = element("div", "attn-notice");
    notice.setAttribute("role", "alert");
    notice.hidden = true;
    document.body.append(notice);

    function tell(text) {
        if (notice.textContent !== text) {
            notice.textContent = text;
            notice.hidden = !text;
        }
    }

    async function poll() {
        try {
            const answer = await fetch("/_attn/state", { headers });
            if (answer.status === 403) {
                // Another server took over this port: its pages have another token.
                location.reload();
                return;
            }
            const { version, error, course } = await answer.json();
            if (String(version) !== meta.dataset.version) {
                location.reload();
                return;
            }
            tell(error ? "The book could not be rebuilt, so this page is the older one.\n" + error : "");
            for (const exercise of (course && course.exercises) || []) {
                const entry = boxes.get(exercise.id);
                if (entry) {
                    entry.show = entry.show || fill(entry.box);
                    entry.show(exercise);
                }
            }
        } catch (_) {
            tell("The course is not running any more: what is shown here may be old.");
        }
    }

    setInterval(function () {
        if (!document.hidden) {
            poll();
        }
    }, 500);
    poll();
})();
