// SPDX-License-Identifier: Apache-2.0
//
// mcp_client.mjs SDK PROGRAM REPOSITORY SCENARIO: the protocol's official SDK as a client of `PROGRAM mcp`.
// It validates every structured result against the schema that the server gave for the tool.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";

const [sdk, program, repository, scenario] = process.argv.slice(2);
const require = createRequire(join(sdk, "package.json"));
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");

// --- help ---

async function connect(options = [], env = {}) {
    const client = new Client({ name: "tester", version: "1" });
    const transport = new StdioClientTransport({
        command: program, args: ["mcp", ...options], cwd: repository,
        env: { ...process.env, ...env }, stderr: "ignore" });
    await client.connect(transport);
    client.pid = transport.pid;
    client.tools = (await client.listTools()).tools; // from here on results are validated
    return client;
}

async function call(client, name, args = {}, options = {}) {
    const result = await client.callTool({ name, arguments: args }, undefined, options);
    assert.ok(!result.isError, `${name}: ${result.content[0].text}`);
    assert.ok(result.content[0].text.length > 0);
    return result.structuredContent;
}

// The text of a call that must go wrong.
async function refused(client, name, args = {}) {
    const result = await client.callTool({ name, arguments: args });
    assert.equal(result.isError, true, `${name} ${JSON.stringify(args)}: ${result.content[0].text}`);
    return result.content[0].text;
}

const git = (...args) => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" }).trim();
const ratchet = (...args) => execFileSync(program, args, { cwd: repository, encoding: "utf8", stdio: "pipe" });
const log = () => JSON.parse(ratchet("log", "--json"));
const kernel = (file) => readFileSync(join(repository, "kernel", file), "utf8");
const store = (...path) => join(repository, ".git/pawl/mcp", ...path);

// A patch as models write it: no header of git's, wrong counts of lines.
function prefetch(from, to) {
    const line = (n) => `TUNABLE(PREFETCH, ${n}, 64, 8192); ` +
        "/* bytes read ahead. PRETEND best 1536 steep 0.08 of gemv */";
    return `--- a/kernel/tunables.inc\n+++ b/kernel/tunables.inc\n@@ -3,7 +3,9 @@\n-${line(from)}\n+${line(to)}\n`;
}
const propose = async (client, hypothesis, patch) =>
    (await call(client, "propose", { hypothesis, patch })).proposal;
const said = (word) => `--- a/kernel/kernel.c\n+++ b/kernel/kernel.c\n@@ -1,2 +1,3 @@\n #include "tunables.inc"\n int kernel_fn;\n+/* PRETEND ${word} */\n`;

// Lines to a server without the SDK, and what it answers.
async function raw(lines, n_answers) {
    const server = spawn(program, ["mcp"], { cwd: repository, stdio: ["pipe", "pipe", "ignore"] });
    const answers = [];
    for (const line of lines) server.stdin.write(line);
    for await (const line of createInterface({ input: server.stdout })) {
        answers.push(JSON.parse(line));
        if (answers.length === n_answers) server.stdin.end();
    }
    return answers;
}
const request = (id, method, params) => JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n";
const hello = (protocolVersion) => request(0, "initialize",
    { protocolVersion, capabilities: {}, clientInfo: { name: "raw", version: "1" } });

// --- scenarios ---

const scenarios = {
    async tools() {
        const client = await connect();
        assert.equal(client.getServerVersion().name, "pawl");
        const names = client.tools.map((t) => t.name);
        for (const name of ["status", "read_kernel", "propose", "check", "try", "start", "stop", "profile", "roofline", "history",
            "explain", "diff", "budget", "context"])
            assert.ok(names.includes(name), name);
        for (const t of client.tools) {
            assert.ok(t.title && t.description && t.outputSchema, t.name);
            assert.equal(t.inputSchema.additionalProperties, false);
            assert.equal(t.annotations.readOnlyHint, !["propose", "try", "start", "stop", "profile"].includes(t.name),
                t.name);
        }
        const status = await call(client, "status");
        assert.equal(status.head, git("rev-parse", "HEAD"));
        assert.equal(status.rows, 0);
        assert.equal((await call(client, "context", { near: "prefetch" })).budget.attempts_left, null);
        const list = await call(client, "read_kernel");
        assert.deepEqual(list.files.map((f) => f.file), ["kernel/kernel.c", "kernel/tunables.inc"]);
        const all = await call(client, "read_kernel", { file: "kernel/tunables.inc" });
        assert.equal(all.text, kernel("tunables.inc"));
        const part = await call(client, "read_kernel", { file: "kernel/tunables.inc", first_line: 2, lines: 1 });
        assert.equal(part.text, kernel("tunables.inc").split("\n")[1] + "\n");
        assert.equal(part.n_lines, 3);
        await client.close();
    },

    async experiment() {
        const client = await connect([], { PAWL_PRETEND_MS: "300" });
        const first = git("rev-parse", "HEAD");
        const better = await propose(client, "read ahead what gemv needs next", prefetch(4096, 1536));
        const late = await propose(client, "made on the first kernel", prefetch(4096, 2048));
        const other = await propose(client, "another file of the first kernel", said("time all 0.9"));
        assert.deepEqual(await call(client, "check", { proposal: better }).then((c) => c.correct), true);
        assert.equal(log().length, 0, "a check records nothing");

        const progress = [];
        const won = await call(client, "try", { proposal: better }, { onprogress: (p) => progress.push(p) });
        assert.equal(won.verdict, "WIN");
        assert.equal(won.applied, true);
        assert.ok(won.percent > 5 && won.low <= won.percent && won.percent <= won.high);
        assert.equal(won.win_commit, git("rev-parse", "HEAD"));
        assert.equal(won.author, "tester");
        assert.equal(git("status", "--porcelain"), "", "the working tree follows the branch");
        assert.match(kernel("tunables.inc"), /PREFETCH, 1536/);
        assert.ok(progress.length >= 4 && progress.some((p) => p.message.startsWith("measure")));
        for (let i = 1; i < progress.length; i++) assert.ok(progress[i].progress > progress[i - 1].progress);

        const worse = (await call(client, "propose", { hypothesis: "prefetch far ahead", files: [
            { file: "kernel/tunables.inc", text: kernel("tunables.inc").replace("1536, 64", "8192, 64") }] })).proposal;
        const lost = await call(client, "try", { proposal: worse, focus: "gemv" });
        assert.equal(lost.verdict, "LOSS");
        assert.equal(lost.applied, false);
        assert.equal(lost.focus, "gemv");
        assert.ok(lost.look_at.some((l) => /taxonomy, .*prefetch/i.test(l)), "the lesson of its hypothesis");
        assert.ok(lost.cases[0].percent < 0 && lost.look_at.some((l) => l.includes(lost.cases[0].name)));
        assert.equal(git("rev-parse", "HEAD"), won.win_commit);
        assert.equal(git("status", "--porcelain"), "");

        const explained = await call(client, "explain", { experiment: 2 });
        for (const key of Object.keys(explained)) assert.deepEqual(explained[key], lost[key], key);
        assert.deepEqual((await call(client, "history")).experiments.map((e) => e.experiment), [2, 1]);
        assert.equal((await call(client, "history", { limit: 1 })).found, 2);
        assert.deepEqual((await call(client, "history", { verdict: "WIN" })).experiments.map((e) => e.experiment), [1]);
        assert.deepEqual((await call(client, "history", { text: "FAR" })).experiments.map((e) => e.experiment), [2]);
        assert.equal((await call(client, "history", { text: "nothing like it" })).found, 0);
        assert.match((await call(client, "diff", { a: "first", b: "HEAD" })).patch, /^\+TUNABLE\(PREFETCH, 1536/m);
        assert.match((await call(client, "diff", { a: "2^", b: "2" })).patch, /^\+TUNABLE\(PREFETCH, 8192/m);
        assert.equal(git("rev-parse", `${won.win_commit}^`), first);

        // HEAD has moved since: what fits on it is tried on it, the rest is refused.
        assert.match(await refused(client, "try", { proposal: late }), /tunables\.inc/);
        assert.equal((await call(client, "check", { proposal: other })).correct, true);
        const stacked = await call(client, "try", { proposal: other });
        assert.equal(stacked.verdict, "WIN");
        assert.equal(git("rev-parse", "HEAD^"), won.win_commit);
        assert.match(kernel("tunables.inc"), /PREFETCH, 1536/);
        assert.match(kernel("kernel.c"), /time all 0.9/);
        assert.match(ratchet("audit"), /audit of 3 rows: passed/);
        await client.close();
    },

    async stale() {
        const file = "kernel/tunables.inc";
        const [a, b] = [await connect(), await connect()];
        const whole = (client, text, base) =>
            call(client, "propose", { hypothesis: "a whole file", files: [{ file, text }], base });
        const first = git("rev-parse", "HEAD"), read = await call(a, "read_kernel", { file });
        const other = await whole(b, kernel("tunables.inc").replace("ROWS, 4", "ROWS, 16"));
        assert.equal((await call(b, "try", { proposal: other.proposal })).verdict, "WIN");
        const second = git("rev-parse", "HEAD");

        // An edit of what was read is no change of what others have made of it.
        const mine = await whole(a, read.text.replace("PREFETCH, 4096", "PREFETCH, 1536"));
        assert.equal(mine.base, first);
        assert.equal((await call(a, "try", { proposal: mine.proposal })).verdict, "WIN");
        assert.match(kernel("tunables.inc"), /ROWS, 16(.|\n)*PREFETCH, 1536/, "both wins");

        // Who sent what HEAD is now knows it; others not until they read it again, all of it.
        assert.equal((await whole(b, kernel("tunables.inc").replace("COLUMNS, 64", "COLUMNS, 8"))).base, second);
        await call(b, "read_kernel", { file, first_line: 1, lines: 1 });
        assert.equal((await whole(b, kernel("tunables.inc") + "/* end */\n")).base, second);
        await b.readResource({ uri: `pawl://${file}` });
        const third = git("rev-parse", "HEAD");
        assert.equal((await whole(b, kernel("tunables.inc") + "/* end */\n")).base, third);
        assert.equal((await whole(a, kernel("tunables.inc") + "/* end */\n", "HEAD")).base, third, "who says so");
        assert.equal((await whole(a, kernel("tunables.inc") + "/* end */\n", first)).base, first);
        const both = await call(b, "propose", { hypothesis: "and a file that was never read", files: [
            { file, text: kernel("tunables.inc") + "/* end */\n" }, { file: "kernel/new.inc", text: "/* new */\n" }] });
        assert.equal(both.base, third);
        const patch = { hypothesis: "a patch", patch: prefetch(4096, 2048) };
        assert.match(await refused(a, "propose", patch), /does not apply/);
        assert.equal((await call(a, "propose", { ...patch, base: first })).base, first);
        await a.close();
        await b.close();
    },

    async cancel() {
        // So slow that it ends by being cancelled alone; until then others are answered.
        const client = await connect(["--attempts", "5"], { PAWL_PRETEND_MS: "60000" });
        const proposal = await propose(client, "read ahead", prefetch(4096, 1536));
        const stop = new AbortController();
        let status;
        await assert.rejects(client.callTool({ name: "try", arguments: { proposal } }, undefined, {
            signal: stop.signal,
            onprogress: () => {
                status ??= call(client, "status").finally(() => stop.abort("enough"));
            },
        }));
        assert.equal((await status).pending_attempt, 1);
        assert.equal((await status).at_work.command.includes("try"), true);
        const rows = (await call(client, "history")).experiments;
        assert.equal(rows.length, 1);
        assert.match(rows[0].reason, /interrupted/);
        assert.equal(git("status", "--porcelain"), "");
        assert.equal((await call(client, "status")).pending_attempt, undefined, "nothing is pending");
        assert.equal((await call(client, "budget")).attempts_left, 4);
        await client.close();

        const again = await connect();
        assert.equal((await call(again, "try", { proposal })).verdict, "WIN", "proposals outlive a server");
        assert.match(ratchet("audit"), /audit of 2 rows: passed/);
        await again.close();
    },

    async leave() {
        // In the middle the client goes away, the server is told to end, the server is killed.
        const told = (signal) => async (client) => {
            const closed = new Promise((resolve) => { client.onclose = resolve; });
            process.kill(client.pid, signal);
            await closed;
        };
        for (const [i, end] of [(client) => client.close(), told("SIGTERM"), told("SIGKILL")].entries()) {
            const client = await connect([], { PAWL_PRETEND_MS: "60000" });
            const proposal = await propose(client, "read ahead", prefetch(4096, 1536));
            await new Promise((resolve) => {
                client.callTool({ name: "try", arguments: { proposal } }, undefined, { onprogress: resolve })
                    .catch(() => {});
            });
            await end(client);
            if (i < 2) assert.equal(log().length, i + 1, "the server recovers what it ends");
            ratchet("recover"); // needs the lease: whatever the server had started is gone
            const rows = log();
            assert.equal(rows.length, i + 1);
            assert.match(rows[i].reason, /interrupted/);
        }
        assert.match(ratchet("audit"), /audit of 3 rows: passed/);
        assert.equal(git("status", "--porcelain"), "");
    },

    async deaf() {
        // A client that does not read holds up itself, not the experiment.
        const server = spawn(program, ["mcp"], { cwd: repository, stdio: ["pipe", "pipe", "ignore"],
            env: { ...process.env, PAWL_PRETEND_MS: "1500" } });
        const lists = 300;
        server.stdin.write(hello("2025-06-18"));
        server.stdin.write(request(1, "tools/call",
            { name: "propose", arguments: { hypothesis: "read ahead", patch: prefetch(4096, 1536) } }));
        server.stdin.write(request(2, "tools/call",
            { name: "try", arguments: { proposal: "p1" }, _meta: { progressToken: "t" } }));
        for (let id = 3; id < 3 + lists; id++) server.stdin.write(request(id, "tools/list"));
        while (log().length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
        const answered = new Set();
        for await (const line of createInterface({ input: server.stdout })) {
            const answer = JSON.parse(line);
            if (answer.id !== undefined) answered.add(answer.id);
            if (answer.id === 2) assert.equal(answer.result.structuredContent.verdict, "WIN");
            if (answered.size === 3 + lists) server.stdin.end();
        }
        assert.equal(answered.size, 3 + lists);
    },

    async budget() {
        const client = await connect(["--attempts", "1"]);
        assert.deepEqual(await call(client, "budget"),
            { attempts_used: 0, attempts_left: 1, minutes_used: 0, minutes_left: null });
        const one = await propose(client, "one", prefetch(4096, 2048));
        await call(client, "check", { proposal: one });
        assert.equal((await call(client, "budget")).attempts_left, 1, "a check is free");
        assert.match(await refused(client, "try", { proposal: one, focus: "nonsense" }), /nonsense/);
        assert.equal((await call(client, "budget")).attempts_left, 1, "so is a try that is refused");
        assert.equal((await call(client, "try", { proposal: one })).verdict, "WIN");
        assert.equal((await call(client, "budget")).attempts_left, 0);
        const two = await propose(client, "two", prefetch(2048, 1536));
        assert.match(await refused(client, "try", { proposal: two }), /budget is spent: 1 of 1 attempts/);
        assert.equal(log().length, 1);
        await client.close();

        const hasty = await connect(["--minutes", "0.01"], { PAWL_PRETEND_MS: "300" });
        await call(hasty, "try", { proposal: two });
        const three = await propose(hasty, "three", prefetch(2048, 1024));
        assert.match(await refused(hasty, "try", { proposal: three }), /budget is spent: .* minutes/);
        await hasty.close();
    },

    async queue() {
        const client = await connect(["--attempts", "1"]);
        const proposal = await propose(client, "read ahead", prefetch(4096, 1536));
        const { folder } = await call(client, "propose", { hypothesis: "too far", patch: prefetch(4096, 8192) });
        const others = async (ms) => {
            const other = spawn(program, ["try", "-m", "another's", "--from", dirname(folder), "--progress"],
                { cwd: repository, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PAWL_PRETEND_MS: ms } });
            await new Promise((resolve) => other.stderr.once("data", resolve));
            return { other, ended: new Promise((resolve) => { other.once("exit", resolve); other.stderr.resume(); }) };
        };

        // Cancelled in the queue: neither an attempt nor time.
        const long = await others("60000"), stop = new AbortController();
        const waits = [];
        await assert.rejects(client.callTool({ name: "try", arguments: { proposal } }, undefined, {
            signal: stop.signal, onprogress: (p) => { waits.push(p.message); stop.abort("enough"); } }));
        assert.match(waits[0], /waiting for another ratchet/);
        assert.deepEqual(await call(client, "budget"),
            { attempts_used: 0, attempts_left: 1, minutes_used: 0, minutes_left: null });
        long.other.kill("SIGTERM");
        await long.ended;
        ratchet("recover");

        // Waited for and then run: its own time alone.
        const short = await others("1000");
        assert.equal((await call(client, "try", { proposal })).verdict, "WIN");
        await short.ended;
        const { minutes_used, attempts_left } = await call(client, "budget");
        assert.ok(minutes_used > 0 && minutes_used < 1.5 / 60, `${60 * minutes_used} s`);
        assert.equal(attempts_left, 0);
        await client.close();
    },

    async alone() {
        const client = await connect(["--attempts", "2"], { PAWL_PRETEND_MS: "300" });
        const state = async () => call(client, "status");
        const proposal = await propose(client, "read ahead", prefetch(4096, 1536));
        assert.match(await refused(client, "stop"), /nothing that start began/);
        assert.match(await refused(client, "start", { proposal: "p9" }), /no proposal p9/);
        assert.deepEqual(await call(client, "start", { proposal }), { proposal, running: true });
        assert.match(await refused(client, "start", { proposal }), /busy: start has been running/);
        const { running, ended } = await state();
        assert.deepEqual([running.tool, running.proposal, ended], ["start", proposal, undefined]);
        let now = await state();
        for (; now.running; now = await state()) await new Promise((resolve) => setTimeout(resolve, 20));
        assert.deepEqual([now.ended.proposal, now.ended.experiment], [proposal, 1]);
        assert.match(now.ended.said, /WIN/);
        assert.equal((await call(client, "explain", { experiment: 1 })).verdict, "WIN");

        const next = await propose(client, "read ahead less", prefetch(1536, 1024));
        await call(client, "start", { proposal: next, focus: "gemv" });
        assert.equal((await state()).ended, undefined);
        while ((await state()).running.waits) await new Promise((resolve) => setTimeout(resolve, 5));
        assert.deepEqual(await call(client, "stop"), { proposal: next, running: false });
        assert.equal((await state()).running, undefined);
        assert.match((await call(client, "explain", { experiment: 2 })).reason, /interrupted/);
        assert.equal((await call(client, "budget")).attempts_left, 0);
        assert.match(await refused(client, "start", { proposal }), /budget is spent/);
        await client.close();
    },

    async many() {
        const client = await connect();
        const change = (i) => ({ hypothesis: `number ${i}`, files: [{ file: "kernel/new.inc", text: `/* ${i} */\n` }] });
        for (let i = 1; i <= 102; i++) {
            const { proposal } = await call(client, "propose", change(i));
            assert.equal(proposal, `p${i}`, "a number is not given twice");
            await call(client, "roofline", { proposal: "p1" }); // what is used is kept
        }
        assert.equal(readdirSync(store()).length, 100);
        assert.match(await refused(client, "check", { proposal: "p2" }), /no proposal p2 \(the last 100/);
        await call(client, "check", { proposal: "p102" });
        await client.close();
    },

    async refusals() {
        const client = await connect([], { PAWL_PRETEND_MS: "300" });
        const p = await propose(client, "fine", prefetch(4096, 2048));
        await assert.rejects(client.callTool({ name: "no_such_tool", arguments: {} }), { code: -32602 });
        const cases = [
            ["propose", { hypothesis: "h" }, /patch or as files/],
            ["propose", { hypothesis: "h", patch: "x", files: [] }, /one of the two/],
            ["propose", { hypothesis: " ", patch: prefetch(4096, 1) }, /hypothesis is empty/],
            ["propose", { hypothesis: "h".repeat(5000), patch: prefetch(4096, 1) }, /at most 4000/],
            ["propose", { hypothesis: "h", patch: "no patch" }, /does not apply/],
            ["propose", { hypothesis: "h", patch: prefetch(1, 2) }, /does not apply/],
            ["propose", { hypothesis: "h", patch: prefetch(4096, 1).replaceAll("kernel/", "judge/") }, /does not apply/],
            ["propose", { hypothesis: "h", patch: "--- a/judge/judge.c\n+++ b/judge/judge.c\n@@ -1 +1 @@\n-int judge;\n+int free_win;\n" }, /judge\/judge\.c may not change/],
            ["propose", { hypothesis: "h", patch: "--- /dev/null\n+++ b/../outside.inc\n@@ -0,0 +1 @@\n+x\n" }, /does not apply/],
            ["propose", { hypothesis: "h", files: [{ file: "kernel/kernel.h", text: "" }] }, /kernel\/kernel\.h may not change/],
            ["propose", { hypothesis: "h", files: [{ file: "kernel/../judge/x.c", text: "" }] }, /may not change/],
            ["propose", { hypothesis: "h", files: [{ file: "kernel/none.inc", text: null }] }, /has no kernel\/none\.inc/],
            ["propose", { hypothesis: "h", files: [{ file: "kernel/kernel.c", text: kernel("kernel.c") }] }, /changes nothing/],
            ["propose", { hypothesis: "h", files: [{ file: "kernel/kernel.c" }] }, /text is missing/],
            ["propose", { hypothesis: "h", files: Array(65).fill({ file: "kernel/kernel.c", text: "" }) }, /65 of them; at most 64/],
            ["propose", { hypothesis: "clear \u001b[2J", patch: prefetch(4096, 1) }, /control character/],
            ["propose", { hypothesis: "h", patch: prefetch(4096, 1), base: "no-commit" }, /no-commit/],
            ["context", { focus: "nonsense" }, /nonsense/],
            ["propose", { hypothesis: 5, patch: "x" }, /hypothesis must be of type string/],
            ["check", { proposal: "p999" }, /there is no proposal p999/],
            ["check", { proposal: `../mcp/${p}` }, /there is no proposal/],
            ["check", {}, /proposal is missing/],
            ["check", { proposal: p, features: "mmx" }, /mmx/],
            ["try", { proposal: p, speed: 9 }, /there is no argument speed; there is proposal, focus, features/],
            ["read_kernel", { file: "kernel/kernel.h" }, /no mutable file/],
            ["read_kernel", { file: "../../etc/passwd" }, /no mutable file/],
            ["read_kernel", { file: "kernel/kernel.c", first_line: 99 }, /has lines 1 to 2/],
            ["explain", { experiment: 7 }, /no experiment 7; the last is 0/],
            ["explain", { experiment: "7" }, /must be of type integer/],
            ["diff", { a: "7" }, /7/],
            ["history", { verdict: "DRAW" }, /DRAW/],
            ["history", { limit: 0 }, /limit/],
            ["profile", { part: "hotspots.txt" }, /no profile yet/],
        ];
        for (const [name, args, expected] of cases) assert.match(await refused(client, name, args), expected);

        const wrong = await propose(client, "wrong", said("wrong"));
        const checked = await call(client, "check", { proposal: wrong });
        assert.deepEqual([checked.correct, checked.verdict], [false, "FAIL_CORRECTNESS"]);
        const same = await call(client, "check", { proposal: await propose(client, "a comment", said("nothing")) });
        assert.deepEqual([same.correct, same.verdict], [true, "SAME_CODE"]);
        const running = call(client, "try", { proposal: wrong });
        assert.match(await refused(client, "check", { proposal: p }), /busy: try has been running/);
        const tried = await running;
        assert.deepEqual([tried.verdict, tried.percent, tried.applied], ["FAIL_CORRECTNESS", null, false]);
        assert.equal(git("status", "--porcelain"), "");
        await client.close();
    },

    async measuring() {
        const client = await connect();
        const progress = [];
        const roof = await call(client, "roofline", { focus: "gemv" }, { onprogress: (p) => progress.push(p) });
        assert.equal(roof.cases[0].regime, "memory");
        assert.equal(progress[0].message, "timing one case");
        // Another server's judge may be reading HEAD's kernel: it stays as it is.
        const measured = store(`head-${git("rev-parse", "HEAD")}`, "kernel/kernel.c"), { ino } = statSync(measured);
        const other = await connect();
        await call(other, "roofline");
        await other.close();
        assert.equal(statSync(measured).ino, ino);
        const profile = await call(client, "profile");
        assert.equal(profile.closing, "the wall");
        assert.match((await call(client, "profile", { part: "hotspots.txt" })).part, /hot here/);
        assert.match(await refused(client, "profile", { part: "../../config" }), /no part/);
        const bad = await propose(client, "broken", said("broken"));
        assert.match(await refused(client, "roofline", { proposal: bad }), /FAIL_BUILD: pretended/);
        await client.close();
    },

    async resources() {
        const client = await connect();
        const read = async (uri) => (await client.readResource({ uri })).contents[0];
        const { resources } = await client.listResources();
        assert.ok(resources.length >= 4);
        for (const r of resources) assert.ok((await read(r.uri)).text.length > 0, r.uri);
        assert.equal((await read("pawl://contract")).text, kernel("kernel.h"));
        assert.equal((await read("pawl://taxonomy")).text, "AGENTS\n");
        assert.equal((await read("pawl://kernel/kernel.c")).text, kernel("kernel.c"));
        await call(client, "try", { proposal: await propose(client, "read ahead", prefetch(4096, 1536)) });
        const attempt = JSON.parse((await read("pawl://attempt/1")).text);
        assert.equal(attempt.verdict, "WIN");
        assert.ok(attempt.record.cases.length > 0);
        const { resourceTemplates } = await client.listResourceTemplates();
        assert.ok(resourceTemplates.some((t) => t.uriTemplate === "pawl://attempt/{number}"));
        for (const uri of ["pawl://attempt/2", "pawl://attempt/x", "pawl://kernel/kernel.h", "pawl://kernel/../judge/judge.c",
            "file:///etc/passwd", "pawl", ""])
            await assert.rejects(client.readResource({ uri }), { code: -32002 }, uri);
        await client.close();
    },

    async rubbish() {
        const ping = (id) => request(id, "ping");
        const lines = [
            ["\n \r\n", null], ["not json\n", -32700], ["{\"jsonrpc\":\n", -32700], [Buffer.from([0xff, 0xfe, 0x0a]), -32700],
            ["[".repeat(100000) + "\n", -32700], ["x".repeat(10 << 20) + "\n", -32700],
            ["{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}\n", -32700],
            ["{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"ping\"}\n", -32700],
            [`[${ping(1).trim()}]\n`, -32600], ["5\n", -32600], ["{}\n", -32600], ["{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"ping\"}\n", -32600],
            ["{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}\n", -32600], ["{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}\n", -32600],
            ["{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":7}\n", -32600], ["{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":[]}\n", -32602],
            [request(6, "tools/list"), -32600], [request(7, "no/such/method"), -32601],
            [request(8, "initialize", {}), -32602],
            [hello("2025-06-18"), 0], [hello("2025-06-18"), -32600],
            ["{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":12345}}\n", null],
            ["{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unknown\"}\n", null], ["{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n", null],
            ["{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"x\"}}\n", null],
            [request(10, "tools/list", { cursor: "x" }), -32602], [request(11, "tools/call"), -32602],
            [request(12, "tools/call", { name: "status", arguments: [] }), -32602],
            [request(13, "resources/read", {}), -32602], [request("last", "ping"), 0],
        ];
        const expected = lines.map(([, code]) => code).filter((code) => code !== null);
        const answers = await raw(lines.map(([line]) => line), expected.length);
        assert.deepEqual(answers.map((a) => a.error?.code ?? 0), expected);
        for (const a of answers) assert.equal(a.jsonrpc, "2.0");
        assert.equal(answers.at(-1).id, "last");
        for (const [asked, agreed] of [["2025-11-25", "2025-11-25"], ["2025-06-18", "2025-06-18"],
            ["2024-11-05", "2024-11-05"], ["2025-03-26", "2025-11-25"], ["1999-01-01", "2025-11-25"]])
            assert.equal((await raw([hello(asked)], 1))[0].result.protocolVersion, agreed);
    },

    // The demo's changes before the real judge, for real.sh: minutes, and the machine to itself.
    async real() {
        const client = await connect();
        const options = {
            timeout: 3600e3,
            onprogress: (p) => console.error(`  ${p.progress.toFixed(1)} s ${p.message}`),
        };
        const proposed = (name) => {
            const patch = readFileSync(`tests/demo/${name}.patch`, "utf8");
            return propose(client, patch.match(/^# *(.*)/)[1], patch);
        };
        const wrong = await call(client, "check", { proposal: await proposed("wrong") }, options);
        console.log(`wrong: ${wrong.verdict}: ${wrong.reason}`);
        assert.deepEqual([wrong.correct, wrong.verdict], [false, "FAIL_CORRECTNESS"]);
        let head = git("rev-parse", "HEAD");
        for (const [name, verdict] of [["slower", "LOSS"], ["faster", "WIN"]]) {
            const tried = await call(client, "try", { proposal: await proposed(name) }, options);
            console.log(`${name}: experiment ${tried.experiment}: ${tried.verdict}, ${tried.percent} % ` +
                `(${tried.low} .. ${tried.high}), ${tried.seconds} s\n  ${tried.what_happened}`);
            assert.equal(tried.verdict, verdict);
            if (tried.applied) head = tried.win_commit;
            assert.equal(git("rev-parse", "HEAD"), head);
        }
        await client.close();
        console.log(ratchet("audit").split("\n")[0]);
    },
};

assert.ok(scenarios[scenario], `scenarios: ${Object.keys(scenarios).join(", ")}`);
await scenarios[scenario]();
