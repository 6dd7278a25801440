/** Scalars over steps: live, grouped by the first part of their tag, all charts sharing zoom and hover; and runs beside each other. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Button, Nothing, offer, Select, Slider, Tabs, Toggle, t, useKept, useRedraw, useRun, useSelection, wordsOf } from '../../chrome';
import { hubOf } from '../../hub';
import type { Attachment, RunStore, View } from '../../store/types';
import { addStyle, onTheme, readTheme, type Theme } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import { Card, DASHES, LineList, type Lines, type Run, type Shared } from './card';
import type { Chart, ChartState, Mark } from './chart';
import { csvOf } from './compare';
import { chartsOf, matcher } from './groups';
import { Runs, type Row } from './runs';
import { STYLE } from './style';
import { AXES, stepAt, Tracks, xOf, type Axis } from './tracks';

const MOST_RUNS = 60;

function Metrics({ at, host, root }: ViewProps) {
  const store = useRun(at, ['scalars', 'findings']);
  const selection = useSelection(at);
  const { options = {} } = host;
  const [filter, setFilter] = useKept(host, 'metrics.filter', String(options.filter ?? ''));
  const [smoothing, setSmoothing] = useKept(host, 'metrics.smoothing', Number(options.smoothing ?? 0.6));
  const [log, setLog] = useKept(host, 'metrics.log', Boolean(options.log));
  const [logX, setLogX] = useKept(host, 'metrics.logX', Boolean(options.log_x));
  const [band, setBand] = useKept(host, 'metrics.band', false);
  const [wished, setAxis] = useKept<Axis>(host, 'metrics.axis', AXES.includes(options.axis as Axis) ? (options.axis as Axis) : 'step');
  const [lines, setLines] = useKept<Lines>(host, 'metrics.lines', { hidden: [], names: {} });
  const [others, setOthers] = useKept<readonly string[]>(host, 'metrics.others', []);
  const [page, setPage] = useKept<'charts' | 'runs'>(host, 'metrics.page', options.page === 'runs' ? 'runs' : 'charts');
  const [wide, setWide] = useState<string | null>(null);
  const [theme, setTheme] = useState(() => readTheme(root));
  const [timed, setTimed] = useState<readonly [number, number] | null>(null);
  const rest = store ? at.link.recordings.filter(r => r.id !== store.id).slice(-MOST_RUNS) : [];
  const stores = useOthers(at, host, page === 'runs' ? rest.map(r => r.id) : others);
  const shared = useMemo<Shared>(() => {
    const charts = new Set<Chart>();
    return { tracks: new Tracks(), charts, hover: x => { for (const chart of charts) chart.hover(x); } };
  }, []);
  const began = (run: RunStore) => at.link.recordings.find(r => r.id === run.id)?.began ?? 0;
  shared.tracks.began = began;

  useEffect(() => {
    addStyle(root, 'tapescope-metrics', STYLE);
    return onTheme(root, setTheme);
  }, []);
  const axis = wished === 'epoch' && !store?.series.has('epoch') ? 'step' : wished;
  useEffect(() => setTimed(null), [store, axis]);

  if (!store || store.series.size === 0) {
    return <Nothing link={at.link} recorded={store !== null} what={t('No metrics yet')} code={'tape.log_scalar("loss/train", loss)'} />;
  }
  const all = runsOf([store, ...rest.map(r => stores.get(r.id) ?? null)], lines, theme);
  const chosen = [all[0]!, ...all.slice(1).filter(run => others.includes(run.id))], runs = chosen.filter(run => !lines.hidden.includes(`run ${run.id}`));
  const specs = chartsOf(new Set(chosen.flatMap(run => [...run.store.series.keys()])), filter);
  const groups = [...new Set(specs.map(s => s.group))];
  const range = axis === 'step' ? selection.steps : timed;
  const zoom = (to: readonly [number, number] | null) => (axis === 'step' ? at.selection.set({ steps: to && [Math.floor(to[0]), Math.ceil(to[1])] }) : setTimed(to));
  const state: ChartState = {
    axis, log, logX, smoothing, band: band && chosen.length > 1, range, marks: marksOf(store, axis, began(store)),
    now: selection.step === null ? null : xOf(store, axis, selection.step, began(store)),
  };
  const hide = (key: string) => setLines(now => ({ ...now, hidden: now.hidden.includes(key) ? now.hidden.filter(k => k !== key) : [...now.hidden, key] }));
  /** Alone, or all again where it is alone already. */
  const alone = (key: string, among: readonly string[]) => setLines(now => {
    const away = among.filter(k => k !== key), is = !now.hidden.includes(key) && away.every(k => now.hidden.includes(k)), left = now.hidden.filter(k => !among.includes(k));
    return { ...now, hidden: is ? left : [...left, ...away] };
  });
  const show = (id: string, on: boolean) => {
    setLines(now => ({ ...now, hidden: on || id !== store.id ? now.hidden.filter(k => k !== `run ${id}`) : [...now.hidden, `run ${id}`] }));
    if (id !== store.id) setOthers(now => (on ? [...new Set([...now, id])] : now.filter(k => k !== id)));
  };
  const csv = () => {
    const wanted = matcher(filter), rows = runs.flatMap(run => [...run.store.series.values()].filter(s => wanted(s.tag)).flatMap(s => Array.from({ length: s.value.length }, (_, i) => i)
      .filter(i => !selection.steps || (s.step.data[i]! >= selection.steps[0] && s.step.data[i]! <= selection.steps[1])).map(i => [run.name, s.tag, s.step.data[i]!, s.time.data[i]!, s.value.data[i]!])));
    offer(root.ownerDocument, `${store.name || 'metrics'}.csv`, csvOf(['run', 'tag', 'step', 'time', 'value'], rows));
  };
  const keys = all.map(run => `run ${run.id}`);
  return (
    <div class="ts-column ts-metrics">
      <div class="ts-bar" role="toolbar" aria-label={t('Metrics')}>
        {rest.length > 0 && <Tabs label={t('Page')} as="radio" value={page} options={[{ value: 'charts', label: t('Charts') }, { value: 'runs', label: `${t('Runs')} ${1 + rest.length}` }]} onChange={v => setPage(v)} />}
        {page === 'charts' && <>
          <input class="ts-input" type="search" placeholder={t('Filter')} title={t('Part of a tag, or a regular expression: loss|acc, ^val/')} aria-label={t('Filter tags')} value={filter} onInput={e => setFilter(e.currentTarget.value)} style={{ width: '120px' }} />
          <Slider label={t('Smoothing')} value={smoothing} max={0.99} onChange={setSmoothing} format={v => v.toFixed(2)} width={90} />
          <Select<Axis> label={t('Horizontal axis')} hideLabel value={axis} onChange={setAxis}
            options={[{ value: 'step', label: t('Step') }, { value: 'time', label: t('Time') }, { value: 'wall', label: t('Clock') }, ...(store.series.has('epoch') ? [{ value: 'epoch' as const, label: t('Epoch') }] : [])]} />
          <Toggle on={logX} onChange={setLogX} title={t('Logarithmic horizontal axis')}>{t('log x')}</Toggle>
          <Toggle on={log} onChange={setLog} title={t('Logarithmic vertical axis')}>{t('log y')}</Toggle>
          {chosen.length > 1 && <Toggle on={band} onChange={setBand} title={t('Runs of one name as their mean, with a band from the lowest to the highest')}>{t('Band')}</Toggle>}
        </>}
        <span class="ts-grow" />
        {page === 'charts' && range && <Button onPress={() => zoom(null)}>{t('Show all')}</Button>}
        {page === 'charts' && <Button quiet title={t('What the filter lets pass, of the runs shown, as a file')} onPress={csv}>CSV</Button>}
      </div>
      {page === 'runs' ? (
        <Runs rows={rowsOf(all, at, store, others, lines)} recordings={at.link.recordings} onShow={show} onName={(id, name) => setLines(now => ({ ...now, names: { ...now.names, [`run ${id}`]: name } }))}
          onAlone={id => { setOthers(id === store.id ? [] : [id]); setLines(now => ({ ...now, hidden: [...now.hidden.filter(k => !keys.includes(k)), ...(id === store.id ? [] : [`run ${store.id}`])] })); }} />
      ) : (
        <div class="ts-grow ts-scroll">
          {chosen.length > 1 && <div class="ts-runs-lines"><LineList lines={chosen.map(run => ({ key: `run ${run.id}`, name: run.name, color: run.color, dash: run.dash }))} hidden={lines.hidden} onHide={hide} onAlone={alone} /></div>}
          {groups.map(group => (
            <details key={group} class="ts-group" open>
              <summary class="ts-title">{t(group)} <span class="ts-faint">{specs.filter(s => s.group === group).length}</span></summary>
              <div class="ts-grid">
                {specs.filter(s => s.group === group).map(spec => (
                  <Card key={spec.id} spec={spec} runs={runs} theme={theme} state={{ ...state, log: log || spec.log }} shared={shared} lines={lines} wide={wide === spec.id || specs.length === 1}
                    onWide={() => setWide(wide === spec.id ? null : spec.id)} onZoom={zoom} onPick={x => at.selection.set({ step: stepAt(store, axis, x, began(store)) })} onHide={hide} onAlone={alone} />
                ))}
              </div>
            </details>
          ))}
          {specs.length === 0 && <p class="ts-empty">{t('No tag fits “{0}”.', filter)}</p>}
        </div>
      )}
    </div>
  );
}

/** Runs with the names and colours that they have everywhere; the followed one first. */
function runsOf(stores: readonly (RunStore | null)[], lines: Lines, theme: Theme): Run[] {
  const named = (store: RunStore) => store.name || store.id;
  return stores.flatMap((store, i) => (!store ? [] : {
    id: store.id, store, group: store.name, color: theme.series[i % theme.series.length]!, dash: DASHES[Math.floor(i / theme.series.length) % DASHES.length]!,
    // Its id too where two runs share the name.
    name: lines.names[`run ${store.id}`] || (stores.some(other => other && other !== store && named(other) === named(store)) ? `${named(store)} ${store.id}` : named(store)),
  }));
}

function rowsOf(all: readonly Run[], at: Attachment, store: RunStore, others: readonly string[], lines: Lines): Row[] {
  return all.map(run => {
    const info = at.link.recordings.find(r => r.id === run.id);
    return {
      ...run, step: run.store.status?.step ?? info?.step ?? 0, state: info?.state ?? '', followed: run.id === store.id,
      shown: run.id === store.id ? !lines.hidden.includes(`run ${run.id}`) : others.includes(run.id) && !lines.hidden.includes(`run ${run.id}`),
    };
  });
}

/** Findings at the x where they were found. */
function marksOf(store: RunStore, axis: Axis, began: number): Mark[] {
  return store.findings.filter(f => f.step !== null && f.severity !== 'info').map(f => ({ x: xOf(store, axis, f.step!, began), words: wordsOf(f, 'title') }));
}

/** Stores of other recordings, by id, for as long as they are asked for. */
function useOthers(at: Attachment, host: ViewProps['host'], ids: readonly string[]): Map<string, RunStore> {
  const redraw = useRedraw();
  const held = useRef(new Map<string, { at: Attachment; off: () => void }>());
  useEffect(() => {
    for (const id of ids) {
      if (held.current.has(id)) continue;
      const other = hubOf().attach(host, id);
      const offs = [other.need('scalars'), other.store()?.on('scalars', redraw), other.onStore(store => { offs.push(store?.on('scalars', redraw)); redraw(); }), () => other.release()];
      held.current.set(id, { at: other, off: () => offs.forEach(off => off?.()) });
      redraw();
    }
    for (const [id, entry] of held.current) if (!ids.includes(id)) { entry.off(); held.current.delete(id); redraw(); }
  }, [ids.join('\n'), at]);
  useEffect(() => () => { for (const entry of held.current.values()) entry.off(); }, []);
  return new Map(ids.flatMap(id => { const store = held.current.get(id)?.at.store(); return store && store.series.size ? [[id, store] as const] : []; }));
}

export const metrics: View = viewOf(Metrics);
