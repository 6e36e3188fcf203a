/* The header alone, and twice: nothing else is needed, and it guards itself. */
#include <lumicrop/lumicrop.h>

int header_compiles_as_c11(void);
int header_compiles_as_c11(void)
{
    return LUMICROP_OK;
}
