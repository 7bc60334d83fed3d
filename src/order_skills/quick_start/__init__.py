"""The first answers of a connection, from what the server answered at an earlier start.

Importing the SDK takes half a second, and a host waits for it before it shows a tool. So the
server keeps its answers to a connection's first lines, and the next start gives them while the
SDK is loaded; `references/cold-start.md` tells the whole of it.

    inputs     what the answers depend on
    lines      a line without its request's id, and which line it is
    kept       the file
    front      answers while the rest is loaded, and hands over
    watch      the server's side: what was answered is not answered again; what can be kept, is

All but `watch` are loaded before anything else is, and import little of the standard library.
"""
