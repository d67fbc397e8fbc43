// The host at the other end of a veth pair: hosts.ts starts it, tells it when the interface has come
// into its network namespace, and then asks what it can reach.
import { enterNewNetworkNamespace } from 'tsbpf/syscall';
import { becomeHost, isAnswered, LEFT, type Protocol, RIGHT } from './hosts.ts';

// Without its parent there is nothing to answer; Ctrl-C is the parent's to deal with.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
process.on('message', async (question: Protocol | 'begin') => {
  if (question === 'begin') process.send!(await becomeHost(RIGHT).then(() => true));
  else process.send!(await isAnswered(question, RIGHT, LEFT));
});

if (process.send === undefined) console.error('this is a part of drop-tcp.ts, which starts it');
else {
  enterNewNetworkNamespace();
  process.send('there');
}
