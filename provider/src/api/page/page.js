"use strict";

// Shows /v1/operator/overview. Everything goes into the page as text, never as markup.

const INTERVAL = 10000;
const KEY = "holdfast-operator-token";
const HOLD = 1000000000000n;

const find = (id) => document.getElementById(id);

function make(tag, content, name) {
	const element = document.createElement(tag);
	if (name) element.className = name;
	for (const part of [content].flat()) {
		if (part !== undefined && part !== null) element.append(part);
	}
	return element;
}

function fill(id, ...content) {
	find(id).replaceChildren(...content);
}

function none(text) {
	return make("p", text, "none");
}

function hold(text) {
	const amount = BigInt(text);
	const thousandths = String((amount % HOLD) * 1000n / HOLD).padStart(3, "0");
	return (amount / HOLD).toLocaleString("en") + "." + thousandths;
}

function bytes(count) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let unit = 0;
	while (count >= 1024 && unit + 1 < units.length) {
		count /= 1024;
		unit += 1;
	}
	return (unit === 0 ? count : count.toFixed(1)) + " " + units[unit];
}

function span(millis) {
	const seconds = Math.round(millis / 1000);
	if (Math.abs(seconds) < 120) return seconds + " s";
	if (Math.abs(seconds) < 7200) return Math.round(seconds / 60) + " min";
	if (Math.abs(seconds) < 172800) return Math.round(seconds / 3600) + " h";
	return Math.round(seconds / 86400) + " d";
}

function number(value) {
	return value === null || value === undefined ? "–" : Number(value).toLocaleString("en");
}

function bar(name, value, share, kind) {
	const inner = make("div", null, "fill " + kind);
	inner.style.width = Math.max(0, Math.min(100, share * 100)) + "%";
	return make("div", [
		make("p", [make("span", name), make("span", value)]),
		make("div", inner, "track"),
	], "bar");
}

function table(headings, rows, numbers = []) {
	const kind = (index) => (numbers.includes(index) ? "number" : "");
	const head = make("tr", headings.map((text, index) => make("th", text, kind(index))));
	const body = rows.map((cells) =>
		make("tr", cells.map((text, index) => make("td", text, kind(index)))));
	const whole = make("table", [make("thead", head), make("tbody", body)]);
	return make("div", whole, "scroll");
}

function kindOfState(state) {
	if (["active", "completed", "finalizing"].includes(state)) return "good";
	if (state === "failed") return "critical";
	if (state === "expired") return "warning";
	return "busy";
}

function counts(states, what) {
	const entries = Object.entries(states);
	const most = Math.max(1, ...entries.map((entry) => entry[1]));
	if (entries.length === 0) return [none("There are no " + what + ".")];
	return entries.map(([state, count]) =>
		bar(state, number(count), count / most, kindOfState(state)));
}

function figure(name, value) {
	return make("div", [make("b", value), make("span", name)], "figure");
}

function figures(view) {
	const chain = view.chain;
	const list = [figure("best block", number(chain.block))];
	list.push(figure("its age", chain.lagMillis === null ? "–" : span(chain.lagMillis)));
	if (view.balance) {
		list.push(figure("HOLD free", hold(view.balance.free)));
		list.push(figure("HOLD in escrow", hold(view.balance.escrow)));
		list.push(figure("HOLD pledged", hold(view.balance.pledge)));
	}
	list.push(figure("blocks of money left", view.runwayBlocks === null ? "∞" : number(view.runwayBlocks)));
	list.push(figure("HOLD penalty ahead", hold(view.predictedPenalty)));
	return list;
}

function alerts(view) {
	const list = view.alerts.map((alert) => make("p", [
		make("b", alert.topic + (alert.subject ? " · " + alert.subject : "") + ": "),
		alert.text + " (for " + span(view.at - alert.since) + ")",
	], "notice " + alert.severity));
	if (list.length === 0) list.push(make("p", "Nothing is wrong.", "notice"));
	return list;
}

function deadlines(view) {
	if (view.deadlines.length === 0) return [none("There are no sectors to prove.")];
	const block = view.chain.block;
	const first = Math.min(block, ...view.deadlines.map((deadline) => deadline.open));
	const last = Math.max(block + 1, ...view.deadlines.map((deadline) => deadline.close));
	const place = (at) => (at - first) / (last - first) * 100 + "%";
	const rows = view.deadlines.map((deadline) => {
		const unproven = deadline.partitions - deadline.proven;
		const late = deadline.isOpen && unproven > 0 && (block - deadline.open) * 3 >= deadline.close - deadline.open;
		const sick = deadline.faulty > deadline.recovering;
		let kind = "";
		if (late || sick) kind = "critical";
		else if (unproven === 0) kind = "good";
		const slot = make("div", null, "window " + kind);
		slot.style.left = place(deadline.open);
		slot.style.width = (deadline.close - deadline.open) / (last - first) * 100 + "%";
		const now = make("div", null, "now");
		now.style.left = place(block);
		let when = "opens in " + number(deadline.open - block) + " blocks";
		if (deadline.isOpen) when = "open, closes in " + number(deadline.close - block) + " blocks";
		const parts = [
			when,
			deadline.proven + " of " + deadline.partitions + " partitions done",
			number(deadline.liveSectors) + " sectors",
		];
		if (deadline.faulty > 0) {
			parts.push(deadline.faulty + " faulty, " + deadline.recovering + " recovering");
		}
		if (unproven > 0) parts.push("a missed window costs " + hold(deadline.penaltyIfMissed) + " HOLD");
		return make("div", [
			make("span", "deadline " + deadline.deadline),
			make("div", [slot, now], "track"),
			make("small", parts.join(" · ")),
		], "deadline");
	});
	return [make("div", rows, "calendar")];
}

function tasks(view) {
	if (view.tasks.length === 0) return [none("There is nothing to do.")];
	const rows = view.tasks.map((task) => [task.kind, task.state, number(task.count)]);
	return [table(["task", "state", "count"], rows, [2])];
}

function disks(view) {
	if (view.disks.length === 0) return [none("There is no disk.")];
	return view.disks.map((disk) => {
		const used = disk.totalBytes - disk.freeBytes;
		const left = disk.freeBytes - disk.reservedBytes;
		const kind = left <= 0 ? "critical" : left < disk.totalBytes / 10 ? "warning" : "good";
		return bar(disk.path, bytes(disk.freeBytes) + " of " + bytes(disk.totalBytes) + " free",
			disk.totalBytes === 0 ? 0 : used / disk.totalBytes, kind);
	});
}

function posts(view) {
	if (view.posts.length === 0) return [none("The chain has accepted none yet.")];
	const rows = view.posts.map((post) => [
		span(view.at - post.at) + " ago",
		number(post.block),
		String(post.deadline),
		String(post.partition),
		number(post.sectors.length),
	]);
	return [table(["when", "block", "deadline", "partition", "sectors"], rows, [1, 2, 3, 4])];
}

function failures(view) {
	const rows = view.failedTasks.map((task) =>
		["task given up", (task.kind + " " + task.subject).trim(), task.error || ""]);
	for (const refusal of view.refusals) {
		rows.push(["proof refused at block " + number(refusal.block),
			refusal.kind + " of " + refusal.subject, refusal.error]);
	}
	if (rows.length === 0) return [none("Nothing was given up or refused.")];
	return [table(["what", "which", "why"], rows)];
}

function show(view) {
	fill("identity", view.account + " · sectors of " + view.sectorSize + " · version " + view.version);
	fill("alerts", ...alerts(view));
	fill("figures", ...figures(view));
	fill("sectors", ...counts(view.sectors, "sectors"));
	fill("deals", ...counts(view.deals, "deals"));
	fill("deadlines", ...deadlines(view));
	fill("tasks", ...tasks(view));
	fill("disks", ...disks(view));
	fill("posts", ...posts(view));
	fill("failures", ...failures(view));
	fill("updated", "Written " + new Date(view.at).toLocaleString() + "; asked again every 10 s.");
	find("overview").hidden = false;
	find("sign-in").hidden = true;
}

function trouble(text) {
	find("trouble").hidden = !text;
	fill("trouble", text || "");
}

function askForToken(text) {
	sessionStorage.removeItem(KEY);
	find("overview").hidden = true;
	find("sign-in").hidden = false;
	fill("refused", text);
}

async function update() {
	const token = sessionStorage.getItem(KEY);
	if (!token) {
		askForToken("");
		return;
	}
	try {
		const answer = await fetch("v1/operator/overview", {
			headers: { Authorization: "Bearer " + token },
			cache: "no-store",
		});
		if (answer.status === 401) {
			askForToken("That is not the token.");
			return;
		}
		if (!answer.ok) throw new Error("the daemon answers " + answer.status);
		show(await answer.json());
		trouble("");
	} catch (error) {
		trouble("What is shown is old: " + error.message);
	}
}

// The token may come behind the address's #, which is never sent; it does not stay there.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
	sessionStorage.setItem(KEY, given);
	history.replaceState(null, "", location.pathname);
}
find("sign-in").addEventListener("submit", (event) => {
	event.preventDefault();
	sessionStorage.setItem(KEY, find("token").value.trim());
	find("token").value = "";
	update();
});
update();
setInterval(() => {
	if (sessionStorage.getItem(KEY)) update();
}, INTERVAL);
