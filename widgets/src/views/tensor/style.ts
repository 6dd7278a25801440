export const STYLE = `
.ts-words { margin: 0; padding: 2px 8px; font-size: 11px; }
.ts-tensor .ts-slices { background: var(--ts-panel); }
.ts-summary { display: flex; align-items: center; gap: 14px; padding: 7px 10px 6px; border-bottom: 1px solid var(--ts-line); flex: none; }
.ts-summary svg { flex: none; }
.ts-facts { display: flex; flex-wrap: wrap; gap: 1px 12px; font-size: 11px; }
.ts-facts b { font-weight: 500; }
.ts-bad { color: var(--ts-trouble); font-weight: 700; }
.ts-heat { position: relative; margin: 10px; overflow: hidden; }
.ts-heat canvas { width: 100%; height: 100%; image-rendering: pixelated; }
.ts-scalar { display: flex; align-items: center; justify-content: center; height: 100%; font-size: 26px; }
.ts-foot { border-bottom: 0; border-top: 1px solid var(--ts-line); flex-wrap: nowrap; }
.ts-ramp { display: inline-flex; align-items: center; gap: 6px; color: var(--ts-muted); font-size: 11px; flex: none; }
.ts-ramp i { width: 84px; height: 8px; border-radius: 2px; border: 1px solid var(--ts-line); }
`;
