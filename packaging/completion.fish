# Completion of @PROGRAM@ for fish. The table below is made of its --help when it is built.

set -l table "\
@TABLE@
"
set -l commands
for line in (string split -n \n -- $table)
    set -l field (string split \t -- $line)
    test "$field[1]" = command; and set -a commands $field[2]
end

for line in (string split -n \n -- $table)
    set -l field (string split \t -- $line)
    if test "$field[1]" = command
        complete -c @PROGRAM@ -n "not __fish_seen_subcommand_from $commands" \
            -f -a $field[2] -d "$field[6]"
        continue
    end
    set -l -- option -l (string sub -s 3 -- $field[2]) -d "$field[6]"
    test "$field[3]" != -; and set -a -- option -s (string sub -s 2 -- $field[3])
    test "$field[4]" = =; and set -a -- option -r
    string match -q '*|*' -- $field[5]
    and set -a -- option -f -a (string replace -a '|' ' ' -- $field[5])
    if test "$field[1]" != -
        set -a -- option -n "__fish_seen_subcommand_from $field[1]"
    else if set -q commands[1]
        set -a -- option -n "not __fish_seen_subcommand_from $commands"
    end
    complete -c @PROGRAM@ $option
end
