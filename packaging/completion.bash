# Completion of @PROGRAM@ for bash. The table below is made of its --help when it is built.

_@FUNCTION@_table() {
    cat <<'END'
@TABLE@
END
}

# What may stand at the cursor: a command, an option of the command, one of the words that an
# option takes, else a file.
_@FUNCTION@() {
    local word=${COMP_LINE:0:COMP_POINT} command='-' offered='' part of long takes argument
    word=${word##* }
    for part in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $part != -* ]] && _@FUNCTION@_table | grep -q "^command	$part	"; then
            command=$part
            break
        fi
    done
    while IFS=$'\t' read -r of long _ takes argument _; do
        case $word in
        --*=*) [[ $of$long != "$command${word%%=*}" ]] || offered=$argument ;;
        -*) [[ $of != "$command" ]] || offered+=" $long${takes/%[!=]*/}" ;;
        *) [[ $of$command != command- ]] || offered+=" $long" ;;
        esac
    done < <(_@FUNCTION@_table)
    part=$word
    if [[ $word == --*=* ]]; then
        part=${word#*=}
        [[ $offered == *"|"* ]] && offered=${offered//|/ } || offered=
    fi
    if [[ -n $offered ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$part")
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$part")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _@FUNCTION@ @PROGRAM@
