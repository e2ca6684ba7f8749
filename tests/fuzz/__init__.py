"""Hostile and broken wishes against a real API server and a real operator: ``make fuzz``.

``make fuzz`` (SEED=1, RUNS=2000) starts kube-apiserver with its etcd, the controller manager's
garbage collector and Jobs, Detour's chart as Helm renders it, and ``python -m detour_operator``
with the rights of the chart's account. There is no node: no pod is scheduled, no agent answers, so
that a move waits at the latest for its holder pod or its copier.

A *case* is a ``VolumeMigration`` or an ``AttachmentSwitch`` that is drawn from the CRD's OpenAPI
schema, valid or nearly so, and what happens to it next: edits, other people's labels, annotations
and finalizers, deletion and creation under the same name, another object in its way. It has a seed
and nothing else in it is drawn: ``make fuzz SEED=4711 RUNS=1`` is case 4711. Several run at once
in one namespace, and meet there. ``build/fuzz.json`` has every case with what became of it;
``make fuzz REPLAY=FILE`` runs those of a file once more, whatever is drawn by then.

Of each case it is seen that

- whatever the API server rejects, it rejects with the name of a field;
- whatever it takes, the operator answers for its last generation with conditions whose reasons are
  single CamelCase words that stand in Detour's code;
- cancelled and deleted, it goes away, with all that was made for it (a claim that was made from a
  template stays, as its field says), and machines, instances and claims are as they were;

and of the operator that it is the same process from beginning to end, that no pass fails
unexpectedly, and that a plain move is accepted, locked, cancelled and gone at the end.

What may be done here: draw (pure), ask the API server, start and end processes of its own.
"""
