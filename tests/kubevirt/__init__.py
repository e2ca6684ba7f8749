"""A stand-in for KubeVirt 1.8 lives here; it may import nothing of Detour, nor be made to suit it.

It imitates what Detour touches for clusters that cannot pull KubeVirt's images: custom resources,
webhooks, controller, node handler and launcher pods with a real libvirt and a real QEMU.
Comments cite the measured behaviour as "KubeVirt facts N.M".
"""
