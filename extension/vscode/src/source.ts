import { basename } from 'node:path';
import { type NotebookCell, NotebookRange, OverviewRulerLane, Range, type TextEditor, TextEditorRevealType, ThemeColor, Uri, ViewColumn, window, workspace } from 'vscode';
import { say } from './words';

export interface Source { file: string; line: number; cell: string }

const decoration = window.createTextEditorDecorationType({
  isWholeLine: true, backgroundColor: new ThemeColor('editor.rangeHighlightBackground'), borderWidth: '0 0 0 2px', borderStyle: 'solid',
  borderColor: new ThemeColor('editorInfo.foreground'), overviewRulerColor: new ThemeColor('editorInfo.foreground'), overviewRulerLane: OverviewRulerLane.Center,
});
let marked: TextEditor | null = null;

/** Shows a source line beside the panel: the notebook's cell that ran it, else the file. `quiet`: a line that is not here is no news. */
export async function reveal(source: Source, focus: boolean, quiet: boolean): Promise<void> {
  const editor = source.cell ? await openCell(source, focus) : await openFile(source, focus);
  if (!editor) {
    if (!quiet) {
      void window.showWarningMessage(source.cell ? say('{0} is not in a notebook that is open: it was run again, or deleted.', source.cell) : say('{0} is not on this machine (line {1}).', source.file, String(source.line)));
    }
    return;
  }
  const at = new Range(line(source, editor), 0, line(source, editor), 0);
  marked?.setDecorations(decoration, []);
  marked = editor;
  editor.setDecorations(decoration, [at]);
  editor.revealRange(at, TextEditorRevealType.InCenterIfOutsideViewport);
}

const line = (source: Source, editor: TextEditor) => Math.max(0, Math.min(source.line, editor.document.lineCount) - 1);

/** The line of the cursor, as a recording would name it. */
export function cursor(): Source | null {
  const editor = window.activeTextEditor ?? (marked && window.visibleTextEditors.includes(marked) ? marked : window.visibleTextEditors[0]);
  if (!editor || !['file', 'vscode-notebook-cell', 'vscode-remote'].includes(editor.document.uri.scheme)) return null;
  const cell = workspace.notebookDocuments.flatMap(n => n.getCells()).find(c => c.document === editor.document), count = cell?.executionSummary?.executionOrder;
  if (cell && !count) return null;
  return { file: editor.document.uri.fsPath, line: editor.selection.active.line + 1, cell: count ? `In [${count}]` : '' };
}

/** The cell that was run as `In [n]`, in a notebook that is open. */
export function cellOf(name: string): NotebookCell | undefined {
  const count = Number(/\d+/.exec(name)?.[0] ?? NaN);
  const shown = window.visibleNotebookEditors.map(e => e.notebook);
  const notebooks = [...shown, ...workspace.notebookDocuments.filter(n => !shown.includes(n))];
  return notebooks.flatMap(n => n.getCells()).find(cell => cell.executionSummary?.executionOrder === count);
}

async function openCell(source: Source, focus: boolean): Promise<TextEditor | null> {
  const cell = cellOf(source.cell);
  if (!cell) return null;
  const notebook = await window.showNotebookDocument(cell.notebook, { viewColumn: columnOf(cell.notebook.uri), preserveFocus: !focus, selections: [new NotebookRange(cell.index, cell.index + 1)] });
  notebook.revealRange(new NotebookRange(cell.index, cell.index + 1));
  const find = () => window.visibleTextEditors.find(e => e.document === cell.document) ?? null;
  for (let i = 0; i < 20 && !find(); i++) await new Promise(done => setTimeout(done, 50));    // a cell outside the window gets its editor when it is scrolled to
  return find();
}

async function openFile(source: Source, focus: boolean): Promise<TextEditor | null> {
  const uri = await locate(source.file);
  if (!uri) return null;
  const document = await workspace.openTextDocument(uri);
  const at = Math.max(0, Math.min(source.line, document.lineCount) - 1);
  return window.showTextDocument(document, { viewColumn: columnOf(uri), preserveFocus: !focus, preview: true, ...(focus && { selection: new Range(at, 0, at, 0) }) });
}

/** Where it is shown already, else a group that does not hide the panel. */
function columnOf(uri: Uri): ViewColumn {
  const groups = window.tabGroups.all;
  const shown = groups.find(g => g.tabs.some(t => (t.input as { uri?: Uri } | undefined)?.uri?.toString() === uri.toString()));
  const panel = groups.find(g => /tapescope/.test((g.activeTab?.input as { viewType?: string } | undefined)?.viewType ?? ''));
  return (shown ?? groups.find(g => g !== panel))?.viewColumn ?? ViewColumn.Beside;
}

/** The file itself, or the one in the workspace that ends like it: a recording that was made elsewhere has other folders in front. */
export async function locate(file: string): Promise<Uri | null> {
  const absolute = /^([\\/]|[A-Za-z]:)/.test(file);
  if (absolute && (await exists(Uri.file(file)))) return Uri.file(file);
  if (!/\.\w+$/.test(file)) return null;
  const parts = file.split(/[\\/]/).filter(Boolean);
  const found = await workspace.findFiles(`**/${basename(parts.at(-1) ?? '').replace(/[[\]{}*?]/g, '?')}`, '**/node_modules/**', 20);
  const alike = (uri: Uri) => {
    const own = uri.path.split('/').filter(Boolean);
    let n = 0;
    while (n < Math.min(own.length, parts.length) && own.at(-1 - n) === parts.at(-1 - n)) n++;
    return n;
  };
  return found.sort((a, b) => alike(b) - alike(a))[0] ?? null;
}

async function exists(uri: Uri): Promise<boolean> {
  return Promise.resolve(workspace.fs.stat(uri)).then(() => true, () => false);
}
