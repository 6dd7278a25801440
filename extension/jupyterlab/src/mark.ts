import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, DecorationSet, EditorView } from '@codemirror/view';
import { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookPanel } from '@jupyterlab/notebook';
import { cellOf, contentsPath, lineOf, Source } from './source';

const put = StateEffect.define<number | null>();
const line = Decoration.line({ class: 'ts-stopped-line' });
const none: DecorationSet = Decoration.none;
const marks = StateField.define<DecorationSet>({
  create: () => none,
  update(found, change) {
    found = found.map(change.changes);
    for (const effect of change.effects) {
      if (effect.is(put)) {
        const { doc } = change.state;
        found = effect.value === null ? none : Decoration.set([line.range(doc.line(Math.max(1, Math.min(effect.value, doc.lines))).from)]);
      }
    }
    return found;
  },
  provide: field => EditorView.decorations.from(field)
});

function mark(view: EditorView | undefined, at: number | null): void {
  if (view && !view.state.field(marks, false)) {
    view.dispatch({ effects: StateEffect.appendConfig.of(marks) });
  }
  view?.dispatch({ effects: put.of(at) });
}

/** The line at which a pass is held, marked in the cell or in the open file that it stands in. */
export class LineMark {
  private turn = 0;
  private marked: EditorView[] = [];
  private key = '';

  constructor(
    private notebook: NotebookPanel,
    private shell: JupyterFrontEnd.IShell
  ) {}

  show(source: Source | null): void {
    const key = source ? `${source.file} ${source.cell} ${source.line}` : '';
    if (key === this.key) {
      return;
    }
    this.key = key;
    const turn = ++this.turn;
    this.marked.splice(0).forEach(view => view.dom.isConnected && mark(view, null));
    if (!source) {
      return;
    }
    if (!source.cell) {
      const path = contentsPath(source.file);
      for (const widget of this.shell.widgets('main') as Iterable<any>) {
        if (path !== null && widget.context?.path === path && widget.content?.editor) {
          this.put(widget.content.editor, source.line);
        }
      }
      return;
    }
    const cell = cellOf(source.cell, this.notebook);
    void cell?.ready.then(() => {
      if (turn === this.turn) {
        this.put(cell.editor, lineOf(cell, source.line));       // an editor is made when its cell first comes into sight
      }
    });
  }

  private put(editor: unknown, at: number): void {
    const view = (editor as { editor?: EditorView } | null)?.editor;
    if (view) {
      mark(view, at);
      this.marked.push(view);
    }
  }
}
