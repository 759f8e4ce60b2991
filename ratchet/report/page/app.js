// SPDX-License-Identifier: Apache-2.0
// app.js: from the data island to the page; the theme; the open attempt; news from a live server.
'use strict';

let data = JSON.parse($('data').textContent);

// --- theme: the system's unless somebody chose ---

function remembered() {
  try {
    return localStorage.getItem('pawl-theme');
  } catch {
    return null;
  }
}
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}
function startTheme() {
  const saved = remembered(),
    say = () => $('theme').setAttribute('aria-pressed', String(isDark()));
  if (saved === 'dark' || saved === 'light') document.documentElement.dataset.theme = saved;
  say();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', say);
  $('theme').addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem('pawl-theme', theme);
    } catch {
      /* a page from a file may have no storage */
    }
    say();
  });
}

// --- the plate ---

function readout(term, value, note) {
  return h('div', {}, h('dt', {}, term), h('dd', {}, h('b', {}, value), h('span', {}, note)));
}

function setPlate() {
  const r = data.repository,
    c = data.campaign,
    mix = currentView('mix', 'all'),
    total = data.cumulative && data.cumulative.total;
  document.title = `Pawl report: ${r.name}`;
  $('name').textContent = r.name;
  $('where').replaceChildren(
    `${data.problem} · `,
    h('code', {}, `${r.branch} ${r.head.slice(0, 12)}`),
    ' · judge ',
    h('code', {}, data.judge.slice(0, 12)),
    ` · ${data.machine}`,
  );
  $('readouts').replaceChildren(
    readout('Speed-up', mix ? times(mix.level) : '1.00×', 'in the mix, as claimed'),
    total
      ? readout(
          'Measured at once',
          `${total.measured[0].toFixed(2)}×`,
          `honesty ratio ${total.ratio[0].toFixed(3)}`,
        )
      : '',
    readout('Attempts', String(c.attempts), plural(c.wins, 'win')),
    readout('Chance of a false win', `≤ ${share(c.false_win_bound)}`, 'among all of them'),
  );
  $('generated').textContent = ` at ${date(data.generated)} UTC`;
}

// --- sections ---

function currentView(subject, path) {
  return data.views.find((v) => v.subject === subject && v.path === path);
}

function setProgress() {
  const paths = [...new Set(data.views.map((v) => v.path))],
    path = $('path').value || 'all';
  options(
    $('path'),
    paths.length ? paths : ['all'],
    paths.map((p) => (p === 'all' ? 'all features' : `${p} alone`)),
  );
  if (!paths.includes(path) && paths.length) $('path').value = paths[0];
  const subjects = data.views.filter((v) => v.path === $('path').value).map((v) => v.subject);
  options(
    $('subject'),
    subjects.length ? subjects : ['mix'],
    subjects.map((t) => (t === 'mix' ? 'the mix' : t)),
  );
  const view = currentView($('subject').value, $('path').value);
  const along = document.querySelector('input[name=along]:checked').value;
  $('legend').replaceChildren(...legendOf(data));
  if (!view) {
    $('progress-lead').textContent = 'No experiment yet. ';
    $('gains-lead').textContent = '';
    return;
  }
  $('progress-lead').textContent = progressLead(data, view);
  $('gains-lead').textContent =
    `What each win added to ${view.subject === 'mix' ? 'the mix' : view.subject}${view.path === 'all' ? '' : ` (${view.path} alone)`}; wins multiply. Subject and path are chosen above.`;
  $('gains-table').replaceChildren(gainsTable(data, view));
  if (!hasCharts) return;
  chart($('progress-chart'), (width) => drawProgress($('progress-chart'), data, view, along, width));
  chart($('gains-chart'), (width) => drawGains($('gains-chart'), data, view, width));
}

function setRest() {
  $('audit').replaceChildren(...auditPanel(data));
  $('roofline-lead').textContent = rooflineLead(data);
  $('roofline-table').replaceChildren(data.roofline ? rooflineTable(data) : '');
  $('trust-body').replaceChildren(...trustBody(data));
  if (hasCharts && data.roofline)
    chart($('roofline-chart'), (width) => drawRoofline($('roofline-chart'), data, width));
  if (hasCharts && $('power-chart'))
    chart($('power-chart'), (width) => drawPower($('power-chart'), data.calibration.summary.power, width));
}

function setAll() {
  setPlate();
  setProgress();
  setRest();
  setTable(data);
}

// --- the open attempt: its number is in the address ---

function closeAttempt() {
  $('attempt').close();
}

function openAddressed() {
  const n = Number((/^#attempt-(\d+)$/.exec(location.hash) || [])[1]);
  const a = n && data.attempts.find((x) => x.experiment === n);
  if (!a) {
    if ($('attempt').open) closeAttempt();
    return;
  }
  const at = table.rows.indexOf(a),
    near = at < 0 ? [] : [table.rows[at - 1], table.rows[at + 1]].map((x) => x && x.experiment);
  $('attempt').replaceChildren(...attemptPane(data, a, near, closeAttempt));
  $('attempt').scrollTop = 0;
  if (!$('attempt').open) $('attempt').showModal();
  $('attempt-title').focus();
}

function startAttempt() {
  $('attempt').addEventListener('close', () => {
    if (location.hash.startsWith('#attempt-')) history.replaceState(null, '', location.href.split('#')[0]);
  });
  $('attempt').addEventListener('click', (event) => {
    if (event.target === $('attempt')) closeAttempt();
  });
  addEventListener('hashchange', openAddressed);
}

// --- live ---

const POLL_MS = 1000;

function sayRunning(p) {
  $('running').hidden = !p;
  if (!p) return;
  $('running').replaceChildren(
    h('span', {class: 'tag'}, 'Now'),
    h('b', {}, p.experiment ? `attempt ${p.experiment}` : 'a dry run'),
    ` ${p.stage} · ${duration(p.seconds)} · `,
    h('span', {class: 'number'}, p.text),
    h('span', {class: 'fine'}, ` ${short(p.hypothesis, 160)}`),
  );
}

async function follow(version) {
  for (;;) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    try {
      const news = await (await fetch('live.json', {cache: 'no-store'})).json();
      sayRunning(news.progress);
      if (news.version !== version) {
        const before = data.attempts.length;
        data = await (await fetch('data.json', {cache: 'no-store'})).json();
        version = news.version;
        setAll();
        const last = data.attempts.at(-1);
        if (data.attempts.length > before)
          $('live').textContent = `Live. Attempt ${last.experiment}: ${last.verdict.replace(/_/g, ' ')}.`;
        else $('live').textContent = 'Live.';
      } else if ($('live').textContent.startsWith('The server')) $('live').textContent = 'Live again.';
    } catch {
      $('live').textContent = 'The server does not answer; this is what it said last.';
      sayRunning(null);
    }
  }
}

// --- begin ---

startTheme();
startTable();
startAttempt();
$('no-charts').hidden = hasCharts;
$('license').hidden = !hasCharts;
$('gains-details').open = !hasCharts;
for (const id of ['progress-chart', 'gains-chart', 'roofline-chart', 'progress-controls'])
  if (id.endsWith('chart')) $(id).hidden = !hasCharts;
$('progress-controls').addEventListener('change', setProgress);
$('progress-controls').addEventListener('submit', (event) => event.preventDefault());
setAll();
openAddressed();
if (document.documentElement.dataset.live === 'yes') {
  $('live').hidden = false;
  $('live').textContent = 'Live.';
  follow(data.version);
}
