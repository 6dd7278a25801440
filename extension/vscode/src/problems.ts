import { CodeAction, CodeActionKind, type CodeActionProvider, Diagnostic, DiagnosticSeverity, type Disposable, languages, Range, type TextDocument, type Uri, workspace } from 'vscode';
import { wordsOf } from '@tapescope/widgets/chrome/words';
import type { Finding } from './control';
import { cellOf, locate } from './source';
import { say } from './words';

const SEVERITY: Record<string, DiagnosticSeverity> = { error: DiagnosticSeverity.Error, warning: DiagnosticSeverity.Warning, info: DiagnosticSeverity.Information };

/** Findings of the recordings that are open, under Problems; each with "Break here next time". */
export class Problems implements CodeActionProvider, Disposable {
  private readonly collection = languages.createDiagnosticCollection('tapescope');
  private readonly provider = languages.registerCodeActionsProvider([{ scheme: 'file' }, { scheme: 'vscode-notebook-cell' }, { scheme: 'vscode-remote' }], this, { providedCodeActionKinds: [CodeActionKind.QuickFix] });
  private readonly of = new Map<string, readonly Finding[]>();                     // by the path of their recording
  private known = new Map<string, { path: string; finding: Finding }>();            // what VS Code gives back is a copy, and may be older: found by place and words, whatever their numbers
  private turn = 0;

  async show(path: string, findings: readonly Finding[]): Promise<void> {
    if (findings.length) this.of.set(path, findings);
    else this.of.delete(path);
    const turn = ++this.turn;
    const wanted = workspace.getConfiguration('tapescope').get<boolean>('problems', true) ? [...this.of] : [];
    const found = new Map<string, { uri: Uri; list: Diagnostic[] }>();
    const known = new Map<string, { path: string; finding: Finding }>();
    for (const [from, list] of wanted) {
      for (const finding of list) {
        if (!finding.source) continue;
        const [file, line, cell] = finding.source;
        const uri = cell ? cellOf(cell)?.document.uri : await locate(file);
        if (!uri) continue;
        const diagnostic = new Diagnostic(new Range(Math.max(0, line - 1), 0, Math.max(0, line - 1), 1000), [`${wordsOf(finding, 'title')}: ${wordsOf(finding, 'cause')}`, wordsOf(finding, 'fix')].filter(Boolean).join('\n'), SEVERITY[finding.severity] ?? DiagnosticSeverity.Information);
        diagnostic.source = 'Tapescope';
        diagnostic.code = finding.rule;
        known.set(keyOf(uri, diagnostic), { path: from, finding });
        const there = found.get(uri.toString()) ?? { uri, list: [] };
        there.list.push(diagnostic);
        found.set(uri.toString(), there);
      }
    }
    if (turn !== this.turn) return;                    // newer findings came while files were looked for
    this.known = known;
    const gone: Uri[] = [];
    this.collection.forEach(uri => { if (!found.has(uri.toString())) gone.push(uri); });
    for (const uri of gone) this.collection.delete(uri);
    for (const { uri, list } of found.values()) if (told(list) !== told(this.collection.get(uri) ?? [])) this.collection.set(uri, list);
  }

  provideCodeActions(document: TextDocument, _: Range, context: { diagnostics: readonly Diagnostic[] }): CodeAction[] {
    return context.diagnostics.flatMap(diagnostic => {
      const known = this.known.get(keyOf(document.uri, diagnostic));
      if (!known) return [];
      const action = new CodeAction(say('Break here next time'), CodeActionKind.QuickFix);
      action.diagnostics = [diagnostic];
      action.command = { command: 'tapescope.breakOn', title: action.title, arguments: [known.path, known.finding.id] };
      return [action];
    });
  }

  dispose(): void {
    this.collection.dispose();
    this.provider.dispose();
  }
}

const keyOf = (uri: Uri, d: Diagnostic) => `${uri.toString()}\n${d.range.start.line}\n${d.message.replace(/\d[\d.e+-]*/g, '#')}`;
const told = (list: readonly Diagnostic[]) => list.map(d => `${d.range.start.line} ${d.severity} ${d.message}`).join('\n');
