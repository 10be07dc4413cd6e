// What the book does beyond standing still. A classic script, since pages opened from disk refuse modules.
(function () {
    "use strict";

    // The first stop of the keyboard: past the list of pages to the text.
    const text = document.querySelector("main");
    text.id = text.id || "text";
    text.tabIndex = -1;
    const skip = document.createElement("a");
    skip.className = "skip-link";
    skip.href = "#" + text.id;
    skip.textContent = "To the text";
    document.body.prepend(skip);

    function element(name, className, text) {
        const made = document.createElement(name);
        made.className = className;
        made.textContent = text || "";
        return made;
    }

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

    // On paper nothing can be unfolded.
    addEventListener("beforeprint", function () {
        for (const folded of document.querySelectorAll("main details:not(.figure-values)")) {
            folded.open = true;
        }
    });

    // The whole book on one page, for the printer, begins with a title and the contents.
    function frontPage() {
        const front = element("section", "print-front");
        const description = document.querySelector('meta[name="description"]');
        const list = element("ol", "print-contents");
        for (const heading of text.querySelectorAll("h1")) {
            const link = element("a", "", heading.textContent);
            link.href = "#" + heading.id;
            const entry = element("li", "");
            entry.append(link);
            list.append(entry);
        }
        front.append(element("p", "print-title", document.querySelector(".menu-title").textContent));
        front.append(element("p", "", description ? description.content : ""));
        front.append(element("p", "print-heading", "Contents"), list);
        text.prepend(front);
    }
    if (/\/print\.html$/.test(location.pathname)) {
        frontPage();
    }

    // The rest needs the course's server, which puts its token into the pages that it gives out.
    const meta = document.querySelector('meta[name="attn-token"]');
    if (!meta) {
        return;
    }
    const headers = { "X-Attn-Token": meta.content };

    const signs = { unsolved: "○", checking: "…", passed: "✓", failed: "✗" };

    // Text in which `code` stands between backticks, as code.
    function say(where, text) {
        where.replaceChildren();
        text.split(/`([^`\n]+)`/).forEach(function (part, i) {
            where.append(i % 2 ? element("code", "", part) : part);
        });
    }

    // What comes after an exercise that is solved: the next of its chapter that is not.
    function next(exercise, course) {
        const chapter = exercise.id.split(".")[0];
        const own = course.filter(function (other) { return other.id.split(".")[0] === chapter; });
        const solved = own.filter(function (other) { return other.state === "passed"; });
        const points = function (list) { return list.reduce(function (sum, one) { return sum + one.points; }, 0); };
        const line = element("p", "exercise-next", "Chapter " + chapter + ": " + solved.length + " of " + own.length +
            " solved, " + points(solved) + " of " + points(own) + " points.");
        const after = own.slice(own.indexOf(exercise) + 1).concat(own);
        const open = after.find(function (other) { return other.state !== "passed"; });
        if (open) {
            const link = element("a", "", open.id + " " + open.title);
            link.href = "#exercise-" + open.id;
            line.append(" Next: ", link);
        }
        return line;
    }

    // One box: what it says is made anew only when its words change, so that a screen reader speaks only then.
    function fill(box) {
        const id = box.dataset.exercise;
        const live = box.querySelector(".exercise-live");
        const state = element("p", "exercise-state");
        const sign = element("span", "sign");
        const word = element("span", "word");
        sign.setAttribute("aria-hidden", "true");
        state.append(sign, word);
        const said = element("div", "exercise-said");
        const verdict = element("div", "exercise-verdict");
        verdict.setAttribute("aria-live", "polite");
        verdict.append(state, said);
        const hint = element("div", "exercise-text exercise-hint");
        hint.setAttribute("aria-live", "polite");
        const buttons = element("div", "exercise-buttons");

        async function act(verb, button) {
            button.disabled = true;
            try {
                const answer = await fetch("/_attn/" + verb + "/" + id, { method: "POST", headers });
                const body = await answer.json().catch(function () { return {}; });
                if (body.error || body.text || verb === "hint") {
                    say(hint, body.error || body.text || "There is no hint.");
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
        return function (exercise, course) {
            const last = exercise.state === "passed" ? next(exercise, course) : null;
            const now = JSON.stringify(exercise) + (last ? last.textContent : "");
            if (now === shown) {
                return;
            }
            shown = now;
            box.dataset.state = exercise.state;
            sign.textContent = signs[exercise.state] || "•";
            if (exercise.state === "checking") {
                // The verdict on the file as it was stays below, paler.
                word.textContent = "Checking";
                return;
            }
            word.textContent = exercise.heading || exercise.state;
            said.replaceChildren();
            for (const paragraph of exercise.paragraphs || []) {
                const one = element("p", "exercise-text about-" + paragraph.about);
                say(one, paragraph.text);
                said.append(one);
            }
            for (const [label, command] of exercise.commands || []) {
                const line = element("p", "exercise-command", label + ": ");
                line.append(element("code", "", command));
                said.append(line);
            }
            if (last) {
                said.append(last);
            }
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
            const exercises = (course && course.exercises) || [];
            for (const exercise of exercises) {
                const entry = boxes.get(exercise.id);
                if (entry) {
                    entry.show = entry.show || fill(entry.box);
                    entry.show(exercise, exercises);
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
