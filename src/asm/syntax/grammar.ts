import { type CstNode, CstParser, type IToken, type ParserMethod } from 'chevrotain';
import { messages } from './parser-messages.ts';
import { SPACED_DIRECTIVES } from './spaced-directives.ts';
import * as t from './tokens.ts';

type Rule = ParserMethod<[], CstNode>;

/** Only a whole statement is skipped after an error: what is left of a broken one says nothing reliable. */
const inner = { resyncEnabled: false };

function endsStatement(token: IToken): boolean {
  const type = token.tokenType;
  return type === t.Newline || type === t.Semicolon || token.image === '';
}

/**
 * The grammar of the language. The rules are written in the order of a line's parts; the railroad
 * diagrams and the editor support read them from here.
 */
export class AssemblyParser extends CstParser {
  readonly file: Rule = this.RULE('file', () => {
    this.SUBRULE(this.statement);
    this.MANY(() => {
      this.OR([{ ALT: () => this.CONSUME(t.Newline) }, { ALT: () => this.CONSUME(t.Semicolon) }]);
      this.SUBRULE2(this.statement);
    });
  });

  readonly statement: Rule = this.RULE('statement', () => {
    this.MANY(() => this.SUBRULE(this.label));
    this.OR([
      { ALT: () => this.SUBRULE(this.assignment) },
      { ALT: () => this.SUBRULE(this.directive) },
      { ALT: () => this.SUBRULE(this.registerStatement) },
      { ALT: () => this.SUBRULE(this.storeStatement) },
      { ALT: () => this.SUBRULE(this.lockStatement) },
      { ALT: () => this.SUBRULE(this.releaseStatement) },
      { ALT: () => this.SUBRULE(this.ifStatement) },
      { ALT: () => this.SUBRULE(this.gotoStatement) },
      { ALT: () => this.SUBRULE(this.callStatement) },
      { ALT: () => this.CONSUME(t.Exit) },
      { ALT: () => {} },
    ]);
    // Recording it would tell the lookahead that such a token can be there.
    if (!this.RECORDING_PHASE && !endsStatement(this.LA(1))) this.CONSUME(t.EndOfStatement);
  });

  readonly label: Rule = this.RULE(
    'label',
    () => {
      this.CONSUME(t.Name);
      this.CONSUME(t.Colon);
    },
    inner,
  );

  readonly assignment: Rule = this.RULE(
    'assignment',
    () => {
      this.CONSUME(t.Identifier);
      this.CONSUME(t.Equals);
      this.SUBRULE(this.expression);
    },
    inner,
  );

  readonly directive: Rule = this.RULE(
    'directive',
    () => {
      const name = this.CONSUME(t.DotName);
      this.OPTION(() => {
        this.SUBRULE(this.argument);
        this.MANY({
          GATE: () => this.LA(1).tokenType === t.Comma || SPACED_DIRECTIVES.has(name.image),
          DEF: () => {
            this.OPTION2(() => this.CONSUME(t.Comma));
            this.SUBRULE2(this.argument);
          },
        });
      });
    },
    inner,
  );

  readonly argument: Rule = this.RULE(
    'argument',
    () => {
      this.OR([
        { ALT: () => this.CONSUME(t.StringLiteral) },
        { ALT: () => this.CONSUME(t.TypeWord) },
        {
          ALT: () => {
            this.CONSUME(t.ValueName);
            this.CONSUME(t.Equals);
            this.SUBRULE(this.optionValue);
          },
        },
        { ALT: () => this.SUBRULE2(this.expression) },
      ]);
    },
    inner,
  );

  /** `4`, `struct event`, `u64[4]`: an expression, or a text that the directive reads. */
  readonly optionValue: Rule = this.RULE(
    'optionValue',
    () => {
      this.AT_LEAST_ONE(() =>
        this.OR([{ ALT: () => this.CONSUME(t.Piece) }, { ALT: () => this.SUBRULE(this.group) }]),
      );
    },
    inner,
  );

  /** `(task_struct.pid)` */
  readonly group: Rule = this.RULE(
    'group',
    () => {
      this.CONSUME(t.LParen);
      this.MANY(() =>
        this.OR([
          { ALT: () => this.CONSUME(t.Piece) },
          { ALT: () => this.CONSUME(t.Comma) },
          { ALT: () => this.SUBRULE(this.group) },
        ]),
      );
      this.CONSUME(t.RParen);
    },
    inner,
  );

  /** `r1 = …`, `r1 += …` */
  readonly registerStatement: Rule = this.RULE(
    'registerStatement',
    () => {
      this.CONSUME(t.Register);
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Equals);
            this.SUBRULE(this.value);
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.CompoundAssign);
            this.SUBRULE(this.operand);
          },
        },
      ]);
    },
    inner,
  );

  /** What a register can be set to. */
  readonly value: Rule = this.RULE(
    'value',
    () => {
      this.OR([
        { ALT: () => this.CONSUME(t.Register) },
        { ALT: () => this.SUBRULE(this.negation) },
        { ALT: () => this.SUBRULE(this.signExtension) },
        { ALT: () => this.SUBRULE(this.load) },
        { ALT: () => this.SUBRULE(this.swap) },
        { ALT: () => this.SUBRULE(this.addressCast) },
        { ALT: () => this.SUBRULE(this.atomicCall) },
        { ALT: () => this.SUBRULE(this.exchange) },
        {
          ALT: () => {
            this.CONSUME(t.StringLiteral);
            this.OPTION2(() => this.CONSUME2(t.Wide));
          },
        },
        {
          ALT: () => {
            this.SUBRULE(this.expression);
            this.OPTION(() => this.CONSUME(t.Wide));
          },
        },
      ]);
    },
    inner,
  );

  readonly negation: Rule = this.RULE(
    'negation',
    () => {
      this.CONSUME(t.Minus);
      this.CONSUME(t.Register);
    },
    inner,
  );

  /** `(s8)r2` */
  readonly signExtension: Rule = this.RULE(
    'signExtension',
    () => {
      this.CONSUME(t.LParen);
      this.CONSUME(t.MemSize);
      this.CONSUME(t.RParen);
      this.CONSUME(t.Register);
    },
    inner,
  );

  /** `*(u32 *)(r1 + 4)`, `*(u16 *)skb[12]`, `*(u8 *)skb[r1]` */
  readonly load: Rule = this.RULE(
    'load',
    () => {
      this.CONSUME(t.Star);
      this.SUBRULE(this.pointerCast);
      this.OR([
        { ALT: () => this.SUBRULE(this.address) },
        {
          ALT: () => {
            this.CONSUME(t.Skb);
            this.CONSUME(t.LBracket);
            this.SUBRULE(this.packetIndex);
            this.CONSUME(t.RBracket);
          },
        },
      ]);
    },
    inner,
  );

  /** `12`, `r1`, `r1 + 4` */
  readonly packetIndex: Rule = this.RULE(
    'packetIndex',
    () => {
      this.OR([
        { ALT: () => this.SUBRULE(this.baseAndOffset) },
        { ALT: () => this.SUBRULE(this.expression) },
      ]);
    },
    inner,
  );

  /** `(u32 *)` */
  readonly pointerCast: Rule = this.RULE(
    'pointerCast',
    () => {
      this.CONSUME(t.LParen);
      this.CONSUME(t.MemSize);
      this.CONSUME(t.Star);
      this.CONSUME(t.RParen);
    },
    inner,
  );

  /** `(r10 - 4)`; the offset is an expression that begins with a sign. */
  readonly address: Rule = this.RULE(
    'address',
    () => {
      this.CONSUME(t.LParen);
      this.SUBRULE(this.baseAndOffset);
      this.CONSUME(t.RParen);
    },
    inner,
  );

  readonly baseAndOffset: Rule = this.RULE(
    'baseAndOffset',
    () => {
      this.CONSUME(t.Register);
      this.OPTION({
        GATE: () => this.LA(1).tokenType === t.Plus || this.LA(1).tokenType === t.Minus,
        DEF: () => this.SUBRULE(this.expression),
      });
    },
    inner,
  );

  readonly swap: Rule = this.RULE(
    'swap',
    () => {
      this.CONSUME(t.Swap);
      this.CONSUME(t.Register);
    },
    inner,
  );

  /** `addr_space_cast(r2, 0, 1)` */
  readonly addressCast: Rule = this.RULE(
    'addressCast',
    () => {
      this.CONSUME(t.AddrSpaceCast);
      this.CONSUME(t.LParen);
      this.CONSUME(t.Register);
      this.CONSUME(t.Comma);
      this.SUBRULE(this.expression);
      this.CONSUME2(t.Comma);
      this.SUBRULE2(this.expression);
      this.CONSUME(t.RParen);
    },
    inner,
  );

  /** `atomic_fetch_add((u64 *)(r1 + 8), r2)`, `load_acquire((u32 *)(r2 + 0))` */
  readonly atomicCall: Rule = this.RULE(
    'atomicCall',
    () => {
      this.CONSUME(t.AtomicCall);
      this.CONSUME(t.LParen);
      this.SUBRULE(this.pointerCast);
      this.SUBRULE(this.address);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.CONSUME(t.Register);
      });
      this.CONSUME(t.RParen);
    },
    inner,
  );

  /** `xchg_64(r1 + 8, r2)`, `cmpxchg_64(r1 + 8, r0, r2)` */
  readonly exchange: Rule = this.RULE(
    'exchange',
    () => {
      this.CONSUME(t.Exchange);
      this.CONSUME(t.LParen);
      this.SUBRULE(this.baseAndOffset);
      this.AT_LEAST_ONE(() => {
        this.CONSUME(t.Comma);
        this.CONSUME(t.Register);
      });
      this.CONSUME(t.RParen);
    },
    inner,
  );

  /** `*(u32 *)(r1 + 4) = r2` */
  readonly storeStatement: Rule = this.RULE(
    'storeStatement',
    () => {
      this.CONSUME(t.Star);
      this.SUBRULE(this.pointerCast);
      this.SUBRULE(this.address);
      this.CONSUME(t.Equals);
      this.SUBRULE(this.operand);
    },
    inner,
  );

  /** `lock *(u64 *)(r1 + 0) += r2` */
  readonly lockStatement: Rule = this.RULE(
    'lockStatement',
    () => {
      this.CONSUME(t.Lock);
      this.CONSUME(t.Star);
      this.SUBRULE(this.pointerCast);
      this.SUBRULE(this.address);
      this.CONSUME(t.CompoundAssign);
      this.CONSUME(t.Register);
    },
    inner,
  );

  /** `store_release((u32 *)(r1 + 0), r2)` */
  readonly releaseStatement: Rule = this.RULE(
    'releaseStatement',
    () => {
      this.CONSUME(t.StoreRelease);
      this.CONSUME(t.LParen);
      this.SUBRULE(this.pointerCast);
      this.SUBRULE(this.address);
      this.CONSUME(t.Comma);
      this.CONSUME(t.Register);
      this.CONSUME(t.RParen);
    },
    inner,
  );

  readonly ifStatement: Rule = this.RULE(
    'ifStatement',
    () => {
      this.CONSUME(t.If);
      this.CONSUME(t.Register);
      this.OR([{ ALT: () => this.CONSUME(t.Compare) }, { ALT: () => this.CONSUME(t.Ampersand) }]);
      this.SUBRULE(this.operand);
      this.CONSUME(t.Goto);
      this.SUBRULE(this.expression);
    },
    inner,
  );

  readonly gotoStatement: Rule = this.RULE(
    'gotoStatement',
    () => {
      this.OR([{ ALT: () => this.CONSUME(t.Goto) }, { ALT: () => this.CONSUME(t.MayGoto) }]);
      this.SUBRULE(this.expression);
    },
    inner,
  );

  readonly callStatement: Rule = this.RULE(
    'callStatement',
    () => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Call);
            this.OR2({
              // A function may be called `bswap32`: what is no value elsewhere is a name here.
              IGNORE_AMBIGUITIES: true,
              DEF: [{ ALT: () => this.SUBRULE(this.expression) }, { ALT: () => this.CONSUME(t.Name) }],
            });
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Callx);
            this.CONSUME(t.Register);
          },
        },
      ]);
    },
    inner,
  );

  /** A register or a number. */
  readonly operand: Rule = this.RULE(
    'operand',
    () => {
      this.OR([{ ALT: () => this.CONSUME(t.Register) }, { ALT: () => this.SUBRULE(this.expression) }]);
    },
    inner,
  );

  /** Flat: the visitor applies the operators' precedence. */
  readonly expression: Rule = this.RULE(
    'expression',
    () => {
      this.SUBRULE(this.term);
      this.MANY(() => {
        this.CONSUME(t.BinaryOperatorToken);
        this.SUBRULE2(this.term);
      });
    },
    inner,
  );

  readonly term: Rule = this.RULE(
    'term',
    () => {
      this.MANY(() =>
        this.OR([
          { ALT: () => this.CONSUME(t.Minus) },
          { ALT: () => this.CONSUME(t.Plus) },
          { ALT: () => this.CONSUME(t.Tilde) },
          { ALT: () => this.CONSUME(t.Bang) },
        ]),
      );
      this.OR2([
        { ALT: () => this.CONSUME(t.NumberLiteral) },
        { ALT: () => this.CONSUME(t.CharLiteral) },
        {
          ALT: () => {
            this.CONSUME(t.ValueName);
            this.OPTION(() => this.SUBRULE(this.group));
          },
        },
        // `be16(0x0800)` is a number, `be16 r1` no part of an expression.
        {
          ALT: () => {
            this.CONSUME(t.Swap);
            this.SUBRULE2(this.group);
          },
        },
        { ALT: () => this.CONSUME(t.Dot) },
        {
          ALT: () => {
            this.CONSUME(t.LParen);
            this.SUBRULE(this.expression);
            this.CONSUME(t.RParen);
          },
        },
      ]);
    },
    inner,
  );

  constructor(options: { readonly skipValidations: boolean }) {
    super([...t.ALL_TOKENS], {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: 'onlyOffset',
      skipValidations: options.skipValidations,
      errorMessageProvider: messages,
    });
    this.performSelfAnalysis();
  }

  /** A token made up or left out to save a line hides what is wrong with it. */
  protected override canTokenTypeBeInsertedInRecovery(): boolean {
    return false;
  }

  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return false;
  }

  protected shouldInRepetitionRecoveryBeTried(): boolean {
    return false;
  }
}
