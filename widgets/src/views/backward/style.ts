/** Rules of the backward view, on top of those of the stage. */

import { BREAKS_CSS } from '../../breaks/style';
import { STAGE_CSS } from '../graph/style';

export const BACKWARD_CSS = STAGE_CSS + BREAKS_CSS + `
.ts-back { position: relative; container-type: inline-size; min-height: 200px; overflow: hidden; }
.ts-back-body { display: flex; min-height: 0; }
.ts-back-side { flex: 0 0 auto; width: 340px; border-left: 1px solid var(--ts-line); display: flex; flex-direction: column; min-height: 0; background: var(--ts-bg); }
.ts-back-tabs { flex: none; padding: 4px 6px; border-bottom: 1px solid var(--ts-line); } .ts-back-tabs .ts-tabs { gap: 0; } .ts-back-tabs .ts-tab { padding: 0 5px; font-size: 11.5px; }
.ts-back-panel { flex: 1 1 auto; min-height: 0; padding: 9px 12px 14px; font-size: 12px; }
.ts-back-none { display: flex; align-items: center; justify-content: center; padding: 16px; text-align: center; }
.ts-view .ts-back-panel:focus-visible { outline-offset: -2px; }
.ts-back-panel h2 { font-size: 14px; font-weight: 600; } .ts-back-panel h3 { font-size: 11px; font-weight: 600; color: var(--ts-muted); margin: 13px 0 4px; }
.ts-back-over { padding: 4px 0 2px !important; font-weight: 600; }
.ts-back-bar { gap: 5px 6px; }
.ts-back-bar .ts-button > span { font-size: 10px; color: var(--ts-backward); letter-spacing: -0.1em; } .ts-back-bar .ts-button[data-primary] > span { color: inherit; } .ts-back-bar .ts-button:disabled > span { color: inherit; }
.ts-back-bar .ts-button > em { font-style: normal; }
.ts-back .ts-scrub { display: flex; align-items: center; gap: 6px; padding: 1px 10px 1px 7px; border: 0; border-bottom: 1px solid var(--ts-line); background: none; min-height: 0; flex: none; }
.ts-back .ts-scrub .ts-button { height: 22px; width: 24px; color: var(--ts-backward); }
.ts-scrub-line { position: relative; flex: 1; height: 22px; min-width: 0; }
.ts-scrub-line > svg { position: absolute; left: 6px; right: 6px; top: 1px; width: calc(100% - 12px); height: 20px; overflow: visible; pointer-events: none; }
.ts-scrub-line path { fill: none; vector-effect: non-scaling-stroke; stroke-width: 1.2px; } .ts-scrub-kept { stroke: var(--ts-backward); opacity: 0.55; } .ts-scrub-stops { stroke: var(--ts-trouble); }
.ts-scrub-line > input { appearance: none; -webkit-appearance: none; position: relative; width: 100%; height: 22px; margin: 0; background: none; cursor: pointer; }
.ts-scrub-line > input::-webkit-slider-runnable-track { height: 4px; border-radius: 2px; background: linear-gradient(to right, var(--ts-backward) var(--at, 0%), var(--ts-line) var(--at, 0%)); }
.ts-scrub-line > input::-moz-range-track { height: 4px; border-radius: 2px; background: var(--ts-line); } .ts-scrub-line > input::-moz-range-progress { height: 4px; border-radius: 2px; background: var(--ts-backward); }
.ts-scrub-line > input::-webkit-slider-thumb { -webkit-appearance: none; width: 12px; height: 12px; margin-top: -4px; border-radius: 6px; border: 2px solid var(--ts-backward); background: var(--ts-bg); }
.ts-scrub-line > input::-moz-range-thumb { width: 8px; height: 8px; border-radius: 6px; border: 2px solid var(--ts-backward); background: var(--ts-bg); }
.ts-scrub-line > input:disabled { opacity: 0.5; cursor: default; }
.ts-view .ts-back-why { padding: 4px 12px; border-bottom: 1px solid var(--ts-line); background: var(--ts-backward-soft); box-shadow: inset 3px 0 var(--ts-backward); flex: none; }
.ts-back-where { display: flex; align-items: center; gap: 8px; min-width: 0; }
.ts-back-where b { font-variant-numeric: tabular-nums; }
.ts-back-track { flex: 1 1 60px; max-width: 160px; min-width: 30px; height: 5px; border-radius: 3px; background: var(--ts-line); overflow: hidden; }
.ts-back-track > i { display: block; height: 100%; background: var(--ts-backward); }
.ts-back-said pre { margin: 4px 0 2px; font: 12px/1.5 var(--ts-mono); user-select: all; }
.ts-view .ts-back-said { padding: 5px 12px !important; border-bottom: 1px solid var(--ts-line); background: var(--ts-trouble-soft); box-shadow: inset 3px 0 var(--ts-trouble); flex: none; }
.ts-back-legend { display: flex; gap: 12px; } .ts-back-legend > span { display: inline-flex; align-items: center; gap: 5px; }
.ts-back-legend i { width: 16px; height: 11px; border-radius: 3px; border: 1px solid var(--ts-muted); font: 9px/9px var(--ts-font); text-align: center; color: var(--ts-fg); flex: none; }
.ts-back-legend i[data-is='done'] { background: var(--ts-backward-soft); border-color: var(--ts-backward); }
.ts-back-legend i[data-is='current'] { background: var(--ts-backward); border-color: var(--ts-backward); color: var(--ts-bg); }
.ts-back-legend i[data-is='pending'] { border-style: dashed; }
.ts-formula { margin: 9px 0 2px; padding: 7px 10px; border-radius: 6px; background: var(--ts-panel); border: 1px solid var(--ts-line); overflow-x: auto; font-size: 14.5px; line-height: 1.5; }
.ts-formula .ts-overbar { border-top: 0.065em solid currentColor; padding-top: 0.1em; margin: 0 0.04em; }
.ts-formula math { display: block math; width: fit-content; margin: 3px 0; color: var(--ts-fg); }
.ts-tcard { border: 1px solid var(--ts-line); border-radius: 6px; padding: 5px 8px; margin-bottom: 5px; min-width: 0; }
.ts-tcard-head { display: flex; align-items: baseline; gap: 0 8px; flex-wrap: wrap; white-space: nowrap; min-width: 0; font-size: 11.5px; }
.ts-tcard-facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)) auto; gap: 0 8px; font-size: 10.5px; color: var(--ts-muted); margin-top: 4px; line-height: 1.3; } .ts-tcard-facts b { display: block; font-weight: 500; color: var(--ts-fg); overflow: hidden; text-overflow: ellipsis; }
.ts-tcard-bad, .ts-shares [data-bad] { color: var(--ts-trouble); }
.ts-heatbox { position: relative; margin-top: 4px; } .ts-heatlet { width: 100%; image-rendering: pixelated; cursor: crosshair; }
.ts-heat-mark { position: absolute; pointer-events: none; border: 2px solid var(--ts-fg); outline: 1px solid var(--ts-bg); }
.ts-slices { display: flex; gap: 8px; margin-top: 3px; font-size: 11px; } .ts-slices button { border: 0; background: none; color: var(--ts-muted); cursor: pointer; padding: 2px 5px; border-radius: 4px; font: inherit; } .ts-slices button:hover { background: var(--ts-inset); color: var(--ts-fg); }
.ts-spark { justify-self: end; align-self: end; } .ts-spark path { fill: var(--ts-muted); stroke: none; } .ts-spark .ts-spark-zero { stroke: var(--ts-backward); stroke-width: 1; fill: none; }
.ts-numbers { border-collapse: collapse; margin-top: 3px; font-size: 11px; }
.ts-numbers td { padding: 0 10px 0 0; text-align: right; } .ts-numbers td button { appearance: none; border: 0; background: none; padding: 0 2px; margin: 0 -2px; font: inherit; color: inherit; cursor: pointer; border-radius: 3px; text-align: right; } .ts-numbers td[data-on] button { background: var(--ts-backward-soft); box-shadow: 0 0 0 1px var(--ts-backward); }
.ts-numbers td[data-sign='minus'] { color: var(--ts-backward); } .ts-numbers td[data-sign='bad'] { color: var(--ts-trouble); font-weight: 700; }
.ts-view .ts-shares { list-style: none; display: grid; gap: 2px; }
.ts-shares li { display: flex; align-items: center; gap: 8px; } .ts-shares li > :first-child { flex: 0 0 44%; } .ts-shares li > :last-child:not(:first-child) { flex: 0 0 auto; min-width: 44px; text-align: right; font-size: 11px; }
.ts-shares i { flex: 1; height: 6px; border-radius: 3px; background: var(--ts-inset); overflow: hidden; } .ts-shares i b { display: block; height: 100%; background: var(--ts-backward); border-radius: 3px; }
.ts-leaves, .ts-branches, .ts-hooks { list-style: none; display: grid; gap: 2px; grid-template-columns: minmax(0, 1fr); }
.ts-leaves li { display: grid; grid-template-columns: 18px minmax(0, 44%) minmax(20px, 1fr) 52px; align-items: center; gap: 0 6px; min-height: 20px; } .ts-leaves li > :last-child { text-align: right; font-size: 11px; } .ts-leaves li.ts-faint { display: block; }
.ts-leaves i[aria-hidden] { height: 6px; border-radius: 3px; background: var(--ts-inset); overflow: hidden; } .ts-leaves i[data-wait] { background: none; border-top: 1px dashed var(--ts-faint); height: 1px; border-radius: 0; } .ts-leaves i b { display: block; height: 100%; background: var(--ts-backward); border-radius: 3px; } .ts-leaves [data-bad] { color: var(--ts-trouble); }
.ts-leaf-run { appearance: none; border: 0; background: none; padding: 1px 2px; font: inherit; color: var(--ts-muted); cursor: pointer; border-radius: 3px; } .ts-leaf-run:hover { color: var(--ts-fg); text-decoration: underline; }
.ts-leaf-name { appearance: none; border: 0; background: none; padding: 1px 0; color: inherit; text-align: left; cursor: pointer; border-radius: 3px; } .ts-leaf-name:hover { text-decoration: underline; }
.ts-stack ol { list-style: none; display: flex; flex-wrap: wrap; margin: 0; padding: 0; color: var(--ts-muted); } .ts-stack li + li::before { content: '›'; margin: 0 3px; color: var(--ts-faint); }
.ts-stack button { appearance: none; border: 0; background: none; padding: 0 1px; font: inherit; color: inherit; cursor: pointer; border-radius: 3px; } .ts-stack button:hover { color: var(--ts-fg); text-decoration: underline; } .ts-stack li:last-child { color: var(--ts-fg); }
.ts-element { margin-top: 8px; padding: 4px 4px 6px 8px; border-radius: 6px; border: 1px solid var(--ts-backward); background: var(--ts-backward-soft); } .ts-element .ts-button { height: 20px; width: 20px; }
.ts-element dl { margin: 0; display: grid; gap: 1px; } .ts-element dl > div { display: flex; justify-content: space-between; gap: 10px; padding-right: 6px; } .ts-element dt { color: var(--ts-muted); } .ts-element dd { margin: 0; font-weight: 600; } .ts-element [data-bad] { color: var(--ts-trouble); }
.ts-gap { margin-top: 8px !important; } .ts-rule { margin-top: 5px !important; } .ts-reaches { overflow-wrap: anywhere; }
.ts-check { margin-top: 8px; } .ts-check .ts-button { height: 22px; font-size: 11.5px; } .ts-checked { margin-top: 6px; padding: 5px 9px; border-radius: 6px; border: 1px solid var(--ts-line); border-left: 3px solid var(--ts-forward); overflow-wrap: anywhere; } .ts-checked[data-ok='false'] { border-left-color: var(--ts-trouble); background: var(--ts-trouble-soft); }
.ts-whatif { display: flex; flex-direction: column; align-items: flex-start; gap: 7px; } .ts-whatif textarea { width: 100%; height: auto; padding: 4px 6px; font: 11.5px/1.4 var(--ts-mono); resize: vertical; }
.ts-branch { margin-top: 12px; padding-top: 2px; border-top: 2px solid var(--ts-backward); } .ts-view .ts-changes { margin: 6px 0; padding: 0; list-style: none; } .ts-changes li { display: flex; align-items: baseline; gap: 6px; } .ts-changes li::before { content: '✎'; color: var(--ts-backward); } .ts-changes .ts-leaf-name { flex: 1; font: inherit; } .ts-changes li > .ts-button { height: 20px; width: 20px; flex: none; align-self: center; } .ts-changes .ts-leaf-name { overflow-wrap: anywhere; }
.ts-loss { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 6px 9px; border-radius: 6px; background: var(--ts-panel); border: 1px solid var(--ts-line); color: var(--ts-muted); font-size: 11px; } .ts-loss b { display: block; color: var(--ts-fg); font-size: 12.5px; } .ts-loss b[data-way='worse'] { color: var(--ts-trouble); } .ts-loss b[data-way='better'] { color: var(--ts-forward); }
.ts-compare { border-collapse: collapse; width: 100%; font-size: 11px; } .ts-compare th { font-weight: 400; text-align: left; color: var(--ts-muted); padding: 2px 8px 2px 0; } .ts-compare tbody th { color: var(--ts-fg); max-width: 110px; } .ts-compare th .ts-clip { display: block; } .ts-compare td { padding: 2px 8px 2px 0; white-space: nowrap; vertical-align: top; } .ts-compare [data-bad] { color: var(--ts-trouble); }
.ts-compare i { display: block; width: 100%; } .ts-compare i b { display: block; height: 3px; margin-top: 1px; background: var(--ts-faint); border-radius: 2px; } .ts-compare i b[data-new] { background: var(--ts-backward); }
.ts-origin h2 { margin-top: 10px; } .ts-origin > * { margin-top: 5px; } .ts-view .ts-origin-why { margin: 8px 0; padding: 6px 9px; border-radius: 6px; background: var(--ts-trouble-soft); border-left: 3px solid var(--ts-trouble); }
.ts-operands, .ts-held { list-style: none; display: grid; gap: 3px; } .ts-operands li { display: flex; gap: 10px; } .ts-operands span { overflow-wrap: anywhere; }
.ts-path { list-style: none; margin: 0; padding: 0; } .ts-path li { display: flex; gap: 8px; align-items: baseline; padding-left: 14px; position: relative; } .ts-path li::before { content: ''; position: absolute; left: 4px; top: 0; bottom: 0; border-left: 2px solid var(--ts-trouble); } .ts-path li:last-child::before { bottom: 50%; } .ts-path li:first-child::before { top: 50%; }
.ts-held li { display: grid; grid-template-columns: minmax(0, 48%) minmax(20px, 1fr) 62px; align-items: center; gap: 0 8px; } .ts-held li > :last-child { text-align: right; font-size: 11px; } .ts-held i { height: 6px; border-radius: 3px; background: var(--ts-inset); overflow: hidden; } .ts-held i b { display: block; height: 100%; background: var(--ts-backward); } .ts-held [data-freed] i b { background: var(--ts-line); } .ts-held [data-freed] { color: var(--ts-muted); }
.ts-memory-facts { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--ts-muted); font-size: 11px; } .ts-memory-facts b { display: block; color: var(--ts-fg); font-size: 12.5px; font-weight: 600; }
.ts-memory-curve { display: block; width: 100%; height: 56px; margin: 8px 0 4px; border-bottom: 1px solid var(--ts-line); overflow: visible; } .ts-memory-area { fill: var(--ts-backward-soft); stroke: var(--ts-backward); stroke-width: 1.2px; vector-effect: non-scaling-stroke; } .ts-memory-now, .ts-memory-peak { fill: none; stroke: var(--ts-fg); stroke-width: 1.5px; vector-effect: non-scaling-stroke; } .ts-memory-peak { stroke: var(--ts-trouble); stroke-dasharray: 3 3; }
.ts-branches { gap: 7px; } .ts-branches li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1px 8px; align-items: baseline; }
.ts-branch-name { display: flex; gap: 8px; min-width: 0; } .ts-branches i { grid-column: 1 / -1; height: 7px; border-radius: 4px; background: var(--ts-inset); overflow: hidden; } .ts-branches i b { display: block; height: 100%; background: var(--ts-backward); } .ts-branches i[data-against] b { background: repeating-linear-gradient(-45deg, var(--ts-trouble) 0 3px, var(--ts-bg) 3px 5px); }
.ts-branch-facts { grid-column: 1 / -1; color: var(--ts-muted); font-size: 11px; white-space: pre; }
.ts-back .ts-side-line { display: block; width: 100%; text-align: left; border: 1px solid var(--ts-line); border-radius: 5px; background: var(--ts-panel); padding: 4px 8px; font: inherit; color: inherit; cursor: pointer; }
.ts-back .ts-side-line:disabled { cursor: default; } .ts-back .ts-side-line span { display: block; font-size: 11px; } .ts-back .ts-side-line code { display: block; font: 11.5px/1.45 var(--ts-mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.ts-back-scale { display: flex; align-items: center; gap: 2px; font-size: 11px; } .ts-back-scale .ts-button { height: 20px; padding: 0 7px; font-family: var(--ts-mono); font-size: 11px; border-color: var(--ts-line); margin-left: 4px; }
.ts-back-hint { display: flex; flex-direction: column; gap: 6px; color: var(--ts-muted); } .ts-back-hint pre { margin: 0; padding: 6px 10px; border-radius: 6px; background: var(--ts-inset); color: var(--ts-fg); font: 12px/1.5 var(--ts-mono); user-select: all; }
@container (max-width: 860px) { .ts-back-bar .ts-button > em:not([data-keep], [data-wide]) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } .ts-back-bar .ts-button > span { font-size: 12px; } .ts-back-bar { gap: 4px; } }
@container (max-width: 440px) { .ts-back-bar .ts-button > em[data-wide] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } .ts-back-bar { padding: 5px 7px; gap: 3px; } .ts-back-bar .ts-button { padding: 0 8px; } .ts-back-legend { display: none; } }
@container (max-width: 350px) { .ts-back-bar .ts-button > em[data-keep] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } .ts-back-bar .ts-button { padding: 0 6px; } .ts-back-tabs { padding: 4px; } .ts-back-tabs .ts-tab { padding: 0 4px; font-size: 11.5px; } }
@container (max-width: 660px) {
  .ts-back-body { flex-direction: column; } .ts-back-body > .ts-stage { flex: 1 1 45%; min-height: 120px; }
  .ts-back-side { width: auto; flex: 1 1 55%; border-left: 0; border-top: 1px solid var(--ts-line); min-height: 90px; }
}
@container (max-width: 660px) and (min-width: 480px) {
  .ts-back-tabs { padding: 4px; } .ts-back-tabs .ts-tab { padding: 0 3px; }
  .ts-back-body { flex-direction: row; } .ts-back-body > .ts-stage { flex: 1 1 50%; } .ts-back-side { flex: 0 0 50%; border-top: 0; border-left: 1px solid var(--ts-line); }
}
`;
