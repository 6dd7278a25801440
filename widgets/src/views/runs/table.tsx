/** Runs as rows, groups of them under a row of their own with what they came to together. */

import { show, t } from '../../chrome';
import { ageOf, grouped, sorted, spread, type Group, type Listing, type Run, type Sort, type Value } from './model';

const HEADS = ['Run', 'Step', 'Age'];

export function Table({ list, sort, onSort, by, shown, onOpen }: {
  list: Listing; sort: Sort; onSort(sort: Sort): void; by: readonly string[]; shown: string | undefined;
  /** Null where there is no kernel to open one. */
  onOpen: ((run: Run) => void) | null;
}) {
  const columns = ['name', 'step', 'began', ...list.params, ...list.metrics], groups = grouped(sorted(list.runs, sort), by);
  return (
    <div class="ts-grow ts-runlist">
      <table>
        <thead>
          <tr>{columns.map((name, i) => (
            <th key={`${i} ${name}`} scope="col" class={i > 0 ? 'ts-num' : undefined} data-result={i >= 3 + list.params.length || undefined} aria-sort={sort?.by === name ? (sort.down ? 'descending' : 'ascending') : 'none'}>
              <button type="button" onClick={() => onSort(sort?.by === name ? (sort.down ? null : { by: name, down: true }) : { by: name, down: false })}>{i < 3 ? t(HEADS[i]!) : name}{sort?.by === name ? (sort.down ? ' ▼' : ' ▲') : ''}</button>
            </th>
          ))}</tr>
        </thead>
        {groups.map(group => (
          <tbody key={group.name}>
            {by.length > 0 && <Heading group={group} list={list} by={by} />}
            {group.runs.map(run => <Row key={run.name} run={run} list={list} current={run.id !== null && run.id === shown} onOpen={onOpen} />)}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Heading({ group, list, by }: { group: Group; list: Listing; by: readonly string[] }) {
  return (
    <tr class="ts-runlist-group">
      <th scope="rowgroup" colSpan={3 + list.params.length}>{group.name} <span class="ts-faint">{group.runs.length === 1 ? t('1 run') : t('{0} runs', group.runs.length)}</span></th>
      {list.metrics.map(name => {
        const s = spread(group.runs, name);
        return <td key={`${name} ${by.length}`} class="ts-num" title={s ? t('{0} from {1} to {2}', name, show(s.low), show(s.high)) : undefined}>{s ? show(s.mean) : <span class="ts-faint">–</span>}</td>;
      })}
    </tr>
  );
}

function Row({ run, list, current, onOpen }: { run: Run; list: Listing; current: boolean; onOpen: ((run: Run) => void) | null }) {
  return (
    <tr aria-current={current ? 'true' : undefined}>
      <td title={run.name}>
        {run.error || !onOpen ? run.name : <button type="button" class="ts-runlist-open" title={run.id ? t('It is open: show it') : t('Open it')} onClick={() => onOpen(run)}>{run.name}</button>}
        {run.state === 'recording' && <> <span class="ts-dot" data-on title={t('recording')} /></>}
      </td>
      {run.error ? <td data-bad colSpan={2 + list.params.length + list.metrics.length}>{run.error}</td> : <>
        <td class="ts-num">{run.step}</td>
        <td class="ts-num">{run.began > 0 ? ageOf(Date.now() / 1000 - run.began) : ''}</td>
        {list.params.map(name => <td key={name} class="ts-num">{said(run.params[name])}</td>)}
        {list.metrics.map(name => <td key={name} class="ts-num">{said(run.metrics[name])}</td>)}
      </>}
    </tr>
  );
}

const said = (v: Value) => (v === undefined ? <span class="ts-faint">–</span> : v === null ? 'nan' : typeof v === 'number' ? show(v) : String(v));
