// SPDX-License-Identifier: Apache-2.0
// browser.mjs MODULES FOLDER [URL]: the pages that test_report_page.c wrote into FOLDER, in headless
// Chromium: full.html (hostile texts), plain.html (built without charts), empty.html, many.html (2000
// attempts); or, with URL, the page of a `ratchet report --serve` whose ledger grows meanwhile. Prints
// a line for each check; exit 1 when one failed.
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';
import assert from 'node:assert/strict';

const [modules, folder, live] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const playwright = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const browser = await playwright.chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
let failed = 0;

async function check(name, url, options, body) {
  const context = await browser.newContext({
    viewport: {width: 1280, height: 900},
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage(),
    said = [],
    asked = [],
    expected = [];
  page.on('console', (m) => expected.some((e) => e.test(m.text())) || said.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => said.push(`error: ${e.message}`));
  page.on('request', (r) => asked.push(r.url().split('#')[0]));
  page.setDefaultTimeout(60000);
  try {
    await page.goto(url);
    await body(page, expected);
    assert.deepEqual(said, [], 'the console stays empty');
    const own = url.startsWith('file:') ? url.split('#')[0] : new URL(url).origin;
    assert.deepEqual(
      asked.filter((u) => !u.startsWith(own)),
      [],
      'nothing else is loaded',
    );
    console.log(`ok ${name}`);
  } catch (e) {
    failed++;
    console.log(`not ok ${name}: ${e.message}`);
  }
  await context.close();
}

const file = (name, hash = '') => `file://${folder}/${name}.html${hash}`;
const rows = (page) => page.locator('#table tbody tr').count();
// Addresses, and what follows the closing of a dialog, change a moment after the key.
const opened = async (page) => {
  await page.waitForFunction(() => document.querySelector('#attempt').open);
  return page.textContent('#attempt-title');
};
const closed = (page) =>
  page.waitForFunction(() => !document.querySelector('#attempt').open && !location.hash);

async function accessible(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => axe.run(document, {preload: false}));
  assert.deepEqual(
    result.violations.map(
      (v) => `${v.impact} ${v.id}: ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary}`,
    ),
    [],
  );
}

// --- full: hostile texts, all verdicts ---

async function full() {
  await check('loads, and hostile texts stay texts', file('full'), {}, async (page) => {
    assert.equal(await page.title(), 'Pawl report: repo');
    assert.equal(await page.locator('img, iframe, link, script[src]').count(), 0);
    assert.ok(
      (await page.locator('#table').textContent()).includes(
        "</script><script>document.title='owned'</script>",
      ),
    );
    await page.goto(file('full', '#attempt-2'));
    assert.ok((await page.locator('#attempt .hypothesis').textContent()).includes('onerror="document.title'));
    assert.ok((await page.locator('#attempt .diff').textContent()).includes('<img src=x onerror='));
    assert.equal(await page.locator('#attempt img, #attempt script').count(), 0);
    assert.equal(await page.title(), 'Pawl report: repo');
  });

  await check('nothing injected could run', file('full'), {}, async (page, expected) => {
    expected.push(/Content Security Policy/);
    const refused = await page.evaluate(
      () =>
        new Promise((done) => {
          document.addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));
          const script = document.createElement('script');
          script.textContent = 'document.title = "owned"';
          document.body.append(script);
        }),
    );
    assert.match(refused, /^script-src/);
    assert.equal(await page.title(), 'Pawl report: repo');
  });

  await check('the table filters, sorts and says how many', file('full'), {}, async (page) => {
    const all = await rows(page);
    await page.fill('#find', 'idea 19:');
    assert.equal(await rows(page), 2);
    assert.equal(await page.locator('#count').textContent(), `2 of ${all} rows`);
    await page.fill('#find', '#7');
    assert.equal(await rows(page), 1);
    await page.fill('#find', 'gemm-q4_k-n64');
    assert.ok((await rows(page)) > 0 && (await rows(page)) < all, 'cases that moved are found');
    await page.fill('#find', '');
    await page.locator('#verdicts label', {hasText: 'cheat'}).click();
    assert.deepEqual([...new Set(await page.locator('#table tbody .word').allTextContents())], ['CHEAT']);
    await page.fill('#find', 'no such words');
    assert.ok(await page.locator('#nothing').isVisible());
    await page.click('#clear');
    assert.equal(await rows(page), all);
    await page.locator('#table thead button', {hasText: 'Faster'}).click();
    assert.equal(await page.locator('#table th[aria-sort=descending]').textContent(), 'Faster');
    const percent = (await page.locator('#table tbody td:nth-child(3)').allTextContents()).map((t) =>
      t === '–' ? -1e9 : Number(t.replace('−', '-').replace(/\s%/, '')),
    );
    assert.deepEqual(
      percent,
      [...percent].sort((a, b) => b - a),
    );
  });

  await check('a point opens its attempt, Escape goes back', file('full'), {}, async (page) => {
    const point = page.locator('#progress-chart .point').nth(2);
    const n = /Attempt (\d+)/.exec(await point.getAttribute('aria-label'))[1];
    for (let i = 0; i < 2; i++) {
      await point.locator('.target').click();
      assert.equal(await opened(page), `Attempt ${n}`);
      assert.ok(page.url().endsWith(`#attempt-${n}`));
      await page.keyboard.press('Escape');
      await closed(page);
    }
  });

  await check('everything by keyboard', file('full'), {}, async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.locator('#progress-chart .point').first().focus();
    await page.keyboard.press('ArrowRight');
    const label = await focused();
    assert.match(label, /^Attempt 2/);
    await page.keyboard.press('Enter');
    assert.equal(await opened(page), 'Attempt 2');
    await page.keyboard.press('Escape');
    await closed(page);
    assert.equal(await focused(), label, 'the focus comes back');
    await page.locator('#table tbody a').first().focus();
    await page.keyboard.press('Enter');
    const before = await opened(page);
    assert.ok(before);
    await page.locator('#attempt .steps a').first().focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(
      (title) => document.querySelector('#attempt-title').textContent !== title,
      before,
    );
    const number = (title) => Number(/\d+/.exec(title)[0]);
    assert.equal(number(await opened(page)), number(before) - 1, 'previous is the one before');
  });

  await check('filters show in forced colours', file('full'), {forcedColors: 'active'}, async (page) => {
    const box = page.locator('#verdicts input').first();
    assert.equal(await box.evaluate((e) => getComputedStyle(e).opacity), '1');
    assert.ok((await box.boundingBox()).width > 5);
  });

  await check(
    'an address names an attempt, with its change',
    file('full', '#attempt-1'),
    {},
    async (page) => {
      assert.equal(await opened(page), 'Attempt 1');
      assert.ok((await page.locator('#attempt .diff .added').first().textContent()).startsWith('+'));
      assert.ok((await page.locator('#attempt .diff .removed').first().textContent()).startsWith('-'));
      assert.ok((await page.locator('#attempt .cases tbody tr').count()) > 0);
    },
  );

  await check(
    'dark and light, by the system and by hand, remembered',
    file('full'),
    {colorScheme: 'dark'},
    async (page) => {
      const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const dark = await paper();
      assert.equal(await page.getAttribute('#theme', 'aria-pressed'), 'true');
      await page.click('#theme');
      const light = await paper();
      assert.notEqual(light, dark);
      await page.reload();
      assert.equal(await paper(), light);
      assert.equal(await page.getAttribute('#theme', 'aria-pressed'), 'false');
    },
  );

  await check('subject and axis change the charts', file('full'), {}, async (page) => {
    const lead = await page.locator('#progress-lead').textContent();
    await page.selectOption('#subject', 'gemm');
    assert.notEqual(await page.locator('#progress-lead').textContent(), lead);
    await page.check('input[value=date]');
    assert.ok((await page.locator('#progress-chart .point').count()) > 0);
  });

  for (const colorScheme of ['light', 'dark'])
    for (const hash of ['', '#attempt-1'])
      await check(`axe finds nothing, ${colorScheme} ${hash}`, file('full', hash), {colorScheme}, accessible);

  for (const hash of ['', '#attempt-1'])
    await check(
      `360 pixels are enough ${hash}`,
      file('full', hash),
      {viewport: {width: 360, height: 740}},
      async (page) => {
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
        assert.ok((await page.evaluate(() => document.querySelector('#attempt').scrollWidth)) <= 360);
        await accessible(page);
      },
    );
}

// --- the others ---

async function others() {
  await check('without charts the tables say it all', file('plain'), {}, async (page) => {
    assert.match(await page.locator('#no-charts').textContent(), /npm is not installed/);
    assert.ok(await page.locator('#no-charts').isVisible());
    assert.equal(await page.locator('svg.chart').count(), 0);
    assert.ok(await page.locator('#gains-table table').isVisible());
    for (const table of await page.locator('table').all())
      assert.equal(await table.locator('caption').count(), 1);
    assert.ok((await page.locator('#roofline-table tbody tr').count()) > 0);
    await page.locator('#table tbody a').first().click();
    assert.ok(await opened(page));
    await accessible(page);
  });

  await check('an empty ledger is a page too', file('empty'), {}, async (page) => {
    assert.deepEqual(await page.locator('#subject option').allTextContents(), ['the mix']);
    assert.deepEqual(await page.locator('#path option').allTextContents(), ['all features']);
    await accessible(page);
  });

  await check('a record from elsewhere breaks nothing', file('foreign'), {}, async (page) => {
    assert.ok((await rows(page)) > 0);
    await page.locator('#table tbody a').first().click();
    await opened(page);
  });

  await check('2000 attempts', file('many', '#attempt-1999'), {}, async (page) => {
    assert.equal(await opened(page), 'Attempt 1999');
    await page.keyboard.press('Escape');
    assert.equal(await rows(page), 100);
    await page.click('#more');
    assert.ok((await rows(page)) >= 200);
    await page.fill('#find', '#1234');
    assert.equal(await rows(page), 1);
    assert.equal(await page.locator('#progress-chart .point').count(), 1999);
  });
}

async function follows() {
  await check('a live page follows the try under way, and the ledger', live, {}, async (page) => {
    const before = await rows(page);
    await page.waitForFunction(() => !document.querySelector('#running').hidden);
    assert.match(await page.locator('#running').textContent(), /attempt \d+/);
    await page.waitForFunction((n) => document.querySelectorAll('#table tbody tr').length > n, before);
    await page.waitForFunction(() => document.querySelector('#running').hidden);
    assert.match(await page.locator('#live').textContent(), /^Live\. Attempt \d+: WIN/);
    await accessible(page);
  });

  // From here on the server's answers are made here: its attempt, `n` times.
  const data = await (await fetch(new URL('data.json', live))).json();
  let n = 250,
    broken = false;
  const news = () => ({
    ...data,
    attempts: Array.from({length: n}, (_, i) => ({...data.attempts[0], experiment: i + 1})),
    version: `v${n}`,
  });
  const serve = async (page) => {
    await page.route('**/live.json', (route) =>
      broken
        ? route.fulfill({status: 500, body: 'row 7 is torn\n'})
        : route.fulfill({json: {version: `v${n}`, progress: null}}),
    );
    await page.route('**/data.json', (route) => route.fulfill({json: news()}));
  };
  const said = (page, id, text) =>
    page.waitForFunction(([i, t]) => document.querySelector(i).textContent.startsWith(t), [id, text]);

  await check('a live page leaves its reader in place', live, {}, async (page) => {
    await serve(page);
    await said(page, '#count', '250 rows');
    await page.evaluate(() => document.querySelector('#more').click());
    const shown = await rows(page);
    assert.ok(shown >= 200);
    for (const at of [
      '#table a[href="#attempt-60"]',
      '#verdicts input[value=WIN]',
      '#progress-chart a[href="#attempt-60"]',
    ]) {
      await page.locator(at).focus();
      n++;
      await said(page, '#count', `${n} rows`);
      assert.ok(await page.locator(at).evaluate((e) => e === document.activeElement), at);
    }
    assert.ok((await rows(page)) >= shown);
  });

  await check('news waits until the open attempt is closed', live, {}, async (page) => {
    await serve(page);
    await said(page, '#count', `${n} rows`);
    const link = page.locator(`#table a[href="#attempt-${n}"]`);
    await link.focus();
    await page.keyboard.press('Enter');
    assert.equal(await opened(page), `Attempt ${n}`);
    const answered = page.waitForResponse('**/data.json');
    n++;
    await answered;
    await page.waitForResponse('**/live.json');
    assert.equal(await page.locator('#count').textContent(), `${n - 1} rows`);
    await page.keyboard.press('Escape');
    await closed(page);
    await said(page, '#count', `${n} rows`);
    assert.ok(await link.evaluate((e) => e === document.activeElement), 'the focus comes back');
  });

  await check('a live page says what the server says', live, {}, async (page, expected) => {
    expected.push(/status of 500/);
    await serve(page);
    broken = true;
    await said(page, '#live', 'The server says: row 7 is torn');
    broken = false;
    await said(page, '#live', 'Live');
  });
}

if (live) await follows();
else {
  await full();
  await others();
}
await browser.close();
process.exit(failed ? 1 : 0);
