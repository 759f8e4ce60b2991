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
  const views = data.views.length ? data.views : [{path: 'all', subject: 'mix'}],
    paths = [...new Set(views.map((v) => v.path))];
  options(
    $('path'),
    paths,
    paths.map((p) => (p === 'all' ? 'all features' : `${p} alone`)),
  );
  const subjects = views.filter((v) => v.path === $('path').value).map((v) => v.subject);
  options(
    $('subject'),
    subjects,
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

// The numbers before and after it among those that the table shows, however that is sorted.
function neighboursOf(a) {
  const shown = table.rows.map((x) => x.experiment),
    before = shown.filter((n) => n < a.experiment),
    after = shown.filter((n) => n > a.experiment);
  if (!shown.includes(a.experiment)) return [];
  return [before.length ? Math.max(...before) : null, after.length ? Math.min(...after) : null];
}

function openAddressed() {
  const n = Number((/^#attempt-(\d+)$/.exec(location.hash) || [])[1]);
  const a = n && data.attempts.find((x) => x.experiment === n);
  if (!a) {
    if ($('attempt').open) closeAttempt();
    return;
  }
  $('attempt').replaceChildren(...attemptPane(data, a, neighboursOf(a), closeAttempt));
  $('attempt').scrollTop = 0;
  if (!$('attempt').open) $('attempt').showModal();
  $('attempt-title').focus();
}

function startAttempt() {
  $('attempt').addEventListener('close', () => {
    if (location.hash.startsWith('#attempt-')) history.replaceState(null, '', location.href.split('#')[0]);
    showNews();
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

// Where the focus is, in words that hold when its element has been made anew.
function focusPlace() {
  const element = document.activeElement,
    home = element.closest('[id]'),
    name = ['href', 'value', 'class'].find((n) => element.hasAttribute(n)),
    which = name ? `[${name}="${CSS.escape(element.getAttribute(name))}"]` : '';
  return {element, home: home && home.id, selector: element.localName + which};
}

function focusAgain({element, home, selector}) {
  const now = !element.isConnected && home && $(home).querySelector(selector);
  if (now) now.focus({preventScroll: true});
}

let arrived = null; // data that is not shown yet

// An open attempt is read to its end first; whoever is somewhere else in the page stays there.
function showNews() {
  if (!arrived || $('attempt').open) return;
  const before = data.attempts.length,
    place = focusPlace();
  data = arrived;
  arrived = null;
  setAll();
  focusAgain(place);
  const last = data.attempts.at(-1);
  $('live').textContent =
    data.attempts.length > before
      ? `Live. Attempt ${last.experiment}: ${last.verdict.replace(/_/g, ' ')}.`
      : 'Live.';
}

// The server's answer, or null after saying why there is none.
async function ask(path) {
  try {
    const answer = await fetch(path, {cache: 'no-store'});
    if (answer.ok) return await answer.json();
    $('live').textContent = `The server says: ${short(await answer.text(), 300)}`;
  } catch {
    $('live').textContent = 'The server does not answer; this is what it said last.';
  }
  sayRunning(null);
  return null;
}

async function follow(version) {
  for (;;) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    const news = await ask('live.json');
    if (!news) continue;
    sayRunning(news.progress);
    if (news.version !== version) {
      const whole = await ask('data.json');
      if (!whole) continue;
      arrived = whole;
      version = whole.version;
      showNews();
    } else if ($('live').textContent.startsWith('The server')) $('live').textContent = 'Live again.';
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
  follow(data.version).catch((error) => {
    $('live').textContent = `This page does not follow any more: ${error.message}`;
    throw error;
  });
}
